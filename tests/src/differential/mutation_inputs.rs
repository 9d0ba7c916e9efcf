//! Other signers, other names, and other ways to write an identity: what mutants are made with.

use bytes::Bytes;
use fabric::proto::msp::SerializedIdentity;
use fastrand::Rng;
use prost::Message;
use testkit::Signer;

use super::{definitions::CHAINCODES, identities::pem_with_label, ordinary::Author};

/// What a mutant is made with.
pub struct MutationInputs<'a, 'r> {
    pub author: &'r Author<'a>,
    pub rng: &'r mut Rng,
}

impl<'a> MutationInputs<'a, '_> {
    pub fn anybody(&mut self) -> Signer<'a> {
        self.author.anybody(self.rng).into()
    }

    /// A namespace that exists, belongs to the system, or is none.
    pub fn some_name(&mut self) -> String {
        const NAMES: [&str; 20] = [
            "",
            "lscc",
            "qscc",
            "cscc",
            "escc",
            "vscc",
            "_lifecycle",
            "+lifecycle",
            "nobody",
            "orcc/other",
            "orcc\u{0}",
            "pvtcc$$hopen",
            "pvtcc$$popen",
            "ORCC",
            "orcc ",
            "\u{10ffff}",
            "_lifecycle$$h_implicit_org_AMSP",
            "a",
            "namespaces",
            "\u{0}",
        ];
        let known = self.rng.choice(&CHAINCODES).unwrap().name;
        if self.rng.bool() { known.to_owned() } else { (*self.rng.choice(&NAMES).unwrap()).to_owned() }
    }

    /// The same certificate, written in another way.
    pub fn odd_identity(&mut self, signer: &Signer<'_>) -> Bytes {
        let SerializedIdentity { mspid, id_bytes } = own(signer);
        let der = pem::parse(&id_bytes).unwrap().into_contents();
        let text = String::from_utf8(id_bytes.into()).unwrap();
        let body = text.trim_start_matches("-----BEGIN CERTIFICATE-----\n");
        let id_bytes: Vec<u8> = match self.rng.u8(..18) {
            0 => pem_with_label(&der, "X509 CERTIFICATE"),
            1 => pem_with_label(&der, "ANYTHING"),
            2 => text.replace('\n', "\r\n").into_bytes(),
            3 => text.trim_end().as_bytes().to_vec(),
            4 => format!("before\n{text}").into_bytes(),
            5 => format!("{text}after").into_bytes(),
            6 => format!(" {text}").into_bytes(),
            7 => format!("-----BEGIN CERTIFICATE-----\nA: b\n\n{body}").into_bytes(),
            8 => format!("-----BEGIN CERTIFICATE-----\nA: b\n{body}").into_bytes(),
            9 => text.repeat(2).into_bytes(),
            10 => text.replace('\n', "\n\n").into_bytes(),
            11 => text.replacen("-----END", "\n \t-----END", 1).into_bytes(),
            12 => text.replace("-----END CERTIFICATE-----", "-----END CERTIFICATE-----  ").into_bytes(),
            13 => text.replace("-----END CERTIFICATE", "-----END CERTIFICAT").into_bytes(),
            14 => der,
            15 => pem_with_label(&[der.as_slice(), &[0]].concat(), "CERTIFICATE"),
            16 => format!("-----BEGIN X-----\n-----END X-----\n{text}").into_bytes(),
            _ => text.replacen("MII", "MI I", 1).into_bytes(),
        };
        SerializedIdentity { mspid, id_bytes: id_bytes.into() }.encode_to_vec().into()
    }

    pub fn other_msp(&mut self, signer: &Signer<'_>) -> Bytes {
        let mspid = *self.rng.choice(&["AMSP", "BMSP", "CMSP", "OrdererMSP", "XMSP", "", "amsp"]).unwrap();
        SerializedIdentity { mspid: mspid.to_owned(), ..own(signer) }.encode_to_vec().into()
    }
}

fn own(signer: &Signer<'_>) -> SerializedIdentity {
    SerializedIdentity::decode(signer.own.clone()).unwrap()
}
