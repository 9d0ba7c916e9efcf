//! What lies where: cryptogen's folders of an organisation, a node and a user.

use std::path::Path;

use fabric::crypto::PrivateKey;

use super::{
    CryptoConfig, CryptoConfigError, Kind, Organization, Person,
    certificate::{Authority, Purpose, from_pem, to_pem},
    folder::{self, Staged, create_private, create_public, write_private, write_public},
};

/// From when to when certificates are valid, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    pub not_before: i64,
    pub not_after: i64,
}

impl Validity {
    /// Years of 365 days, from five minutes before now on (clocks differ), in whole minutes; as cryptogen.
    pub fn of_years(now: i64, years: i64) -> Self {
        let not_before = now - now.rem_euclid(60) - 300;
        Self { not_before, not_after: not_before.saturating_add(years.saturating_mul(365 * 86_400)) }
    }
}

/// Makes keys and certificates for all organisations.
///
/// The folder appears whole or not at all; if it exists already, that holds for each organisation's folder.
///
/// # Errors
/// Nothing is overwritten: if one of the organisations is there, nothing is made.
pub fn generate(config: &CryptoConfig, dir: &Path, validity: Validity) -> Result<(), CryptoConfigError> {
    for organization in &config.organizations {
        let folder = organization.folder(dir);
        if folder.exists() {
            return Err(CryptoConfigError::Exists(folder));
        }
    }
    if dir.exists() {
        return config.organizations.iter().try_for_each(|known| make_organization(known, dir, validity));
    }
    let staged = Staged::new(dir)?;
    for organization in &config.organizations {
        write_organization(organization, &organization.folder(&staged.path), validity)?;
    }
    staged.publish()
}

/// Makes one organisation that is not there yet.
pub(super) fn make_organization(
    organization: &Organization,
    dir: &Path,
    validity: Validity,
) -> Result<(), CryptoConfigError> {
    let staged = Staged::new(&organization.folder(dir))?;
    write_organization(organization, &staged.path, validity)?;
    staged.publish()
}

/// The two authorities of an organisation: of identities, and of TLS.
pub(super) struct Authorities {
    pub identities: Authority,
    pub tls: Authority,
}

impl Authorities {
    /// Reads the authorities in an organisation's folder.
    pub fn load(organization: &Organization, folder: &Path) -> Result<Self, CryptoConfigError> {
        let load = |group: &str, name: &str| {
            let folder = folder.join(group);
            let certificate = from_pem(&folder::read(&folder.join(certificate_file(name)))?)?;
            let key = PrivateKey::from_pem(&folder::read(&folder.join(KEY_FILE))?)?;
            Ok::<_, CryptoConfigError>(Authority { key, certificate })
        };
        Ok(Self {
            identities: load("ca", &organization.ca_name)?,
            tls: load("tlsca", &organization.tls_ca_name())?,
        })
    }
}

/// What a node or a user is to its organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Client,
    Peer,
    Admin,
    Orderer,
}

/// A node or a user to be written.
pub(super) struct Member<'a> {
    pub common_name: &'a str,
    pub role: Role,
    /// For its TLS certificate.
    pub alternative_names: &'a [String],
    /// The certificate of the organisation's administrator, where roles are not told apart by units.
    pub admin_certificate: Option<&'a str>,
    /// A user's roles in certification, joined by commas.
    pub roles: Option<&'a str>,
}

/// Writes the `msp` and `tls` of a node or user; returns its certificate as PEM.
pub(super) fn write_member(
    organization: &Organization,
    authorities: &Authorities,
    folder: &Path,
    member: &Member<'_>,
    validity: Validity,
) -> Result<String, CryptoConfigError> {
    let Member { common_name, role, alternative_names, .. } = member;
    let msp = folder.join("msp");
    write_verifying_msp(organization, authorities, &msp)?;
    let unit = organization.node_ous.then(|| role.unit());
    let certificate = |authority: &Authority, unit, key: &PrivateKey, purpose| {
        let key = key.public_key();
        to_pem(&authority.issue(common_name, &organization.subject, unit, &key, &purpose, validity)?)
    };

    let person = member.roles.map(Person::with_roles).transpose()?;
    let key = PrivateKey::generate()?;
    create_private(&msp.join("keystore"))?;
    write_private(&msp.join("keystore").join(KEY_FILE), &key.to_pkcs8_pem()?)?;
    let identity = certificate(&authorities.identities, unit, &key, Purpose::Identity(person.as_ref()))?;
    create_public(&msp.join("signcerts"))?;
    write_public(&msp.join("signcerts").join(certificate_file(common_name)), &identity)?;
    if !organization.node_ous {
        // Cryptogen makes every user the administrator of its own folder.
        let (admin, name) = match member.admin_certificate {
            Some(admin) => (admin, organization.user_name("Admin")),
            None => (identity.as_str(), (*common_name).to_owned()),
        };
        write_public(&msp.join("admincerts").join(certificate_file(&name)), admin)?;
    }

    let (tls, prefix) = (folder.join("tls"), role.tls_prefix());
    let key = PrivateKey::generate()?;
    create_public(&tls)?;
    write_private(&tls.join(format!("{prefix}.key")), &key.to_pkcs8_pem()?)?;
    let tls_certificate = certificate(&authorities.tls, None, &key, Purpose::Tls(alternative_names))?;
    write_public(&tls.join(format!("{prefix}.crt")), &tls_certificate)?;
    write_public(&tls.join("ca.crt"), &to_pem(&authorities.tls.certificate)?)?;
    Ok(identity)
}

impl Role {
    /// The role of an organisation's nodes.
    pub fn of_nodes(kind: Kind) -> Self {
        match kind {
            Kind::Orderer => Self::Orderer,
            Kind::Peer => Self::Peer,
        }
    }

    /// The role of a user by its name.
    pub fn of_user(user: &str) -> Self {
        if user == "Admin" { Self::Admin } else { Self::Client }
    }

    /// Servers and clients name their TLS files differently.
    pub fn tls_prefix(self) -> &'static str {
        match self {
            Self::Client | Self::Admin => "client",
            Self::Peer | Self::Orderer => "server",
        }
    }

    pub fn unit(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Peer => "peer",
            Self::Admin => "admin",
            Self::Orderer => "orderer",
        }
    }
}

impl Organization {
    pub(super) fn tls_ca_name(&self) -> String {
        format!("tls{}", self.ca_name)
    }
}

pub(super) const KEY_FILE: &str = "priv_sk";

pub(super) fn certificate_file(name: &str) -> String {
    format!("{name}-cert.pem")
}

fn write_organization(
    organization: &Organization,
    folder: &Path,
    validity: Validity,
) -> Result<(), CryptoConfigError> {
    let authorities = write_authorities(organization, folder, validity)?;
    write_verifying_msp(organization, &authorities, &folder.join("msp"))?;
    let mut admin = None;
    for user in organization.user_names() {
        let member = Member {
            common_name: &organization.user_name(&user),
            role: Role::of_user(&user),
            alternative_names: &[],
            admin_certificate: None,
            roles: organization.roles_of(&user),
        };
        let place = folder.join("users").join(member.common_name);
        let certificate = write_member(organization, &authorities, &place, &member, validity)?;
        // The administrator comes first.
        admin.get_or_insert(certificate);
    }
    if let Some(admin) = admin.as_ref().filter(|_| !organization.node_ous) {
        let file = certificate_file(&organization.user_name("Admin"));
        write_public(&folder.join("msp").join("admincerts").join(file), admin)?;
    }
    for node in &organization.nodes {
        let member = Member {
            common_name: &node.common_name,
            role: Role::of_nodes(organization.kind),
            alternative_names: &node.alternative_names,
            admin_certificate: admin.as_deref(),
            roles: None,
        };
        let place = organization.node_group(folder).join(member.common_name);
        write_member(organization, &authorities, &place, &member, validity)?;
    }
    Ok(())
}

fn write_authorities(
    organization: &Organization,
    folder: &Path,
    validity: Validity,
) -> Result<Authorities, CryptoConfigError> {
    let make = |group: &str, name: &str| {
        let authority = Authority::new(name, &organization.domain, &organization.subject, validity)?;
        let folder = folder.join(group);
        create_private(&folder)?;
        write_private(&folder.join(KEY_FILE), &authority.key.to_pkcs8_pem()?)?;
        write_public(&folder.join(certificate_file(name)), &to_pem(&authority.certificate)?)?;
        Ok::<_, CryptoConfigError>(authority)
    };
    Ok(Authorities {
        identities: make("ca", &organization.ca_name)?,
        tls: make("tlsca", &organization.tls_ca_name())?,
    })
}

/// The part of an MSP folder that tells members from others; it holds no key.
fn write_verifying_msp(
    organization: &Organization,
    authorities: &Authorities,
    msp: &Path,
) -> Result<(), CryptoConfigError> {
    let authority_file = certificate_file(&organization.ca_name);
    let write = |group: &str, file: &str, authority: &Authority| {
        create_public(&msp.join(group))?;
        write_public(&msp.join(group).join(file), &to_pem(&authority.certificate)?)
    };
    create_public(&msp.join("admincerts"))?;
    write("cacerts", &authority_file, &authorities.identities)?;
    write("tlscacerts", &certificate_file(&organization.tls_ca_name()), &authorities.tls)?;
    if organization.node_ous {
        write_public(&msp.join("config.yaml"), &node_ous(&format!("cacerts/{authority_file}")))?;
    }
    Ok(())
}

fn node_ous(authority: &str) -> String {
    let mut yaml = "NodeOUs:\n  Enable: true\n".to_owned();
    for (key, role) in
        [("Client", Role::Client), ("Peer", Role::Peer), ("Admin", Role::Admin), ("Orderer", Role::Orderer)]
    {
        yaml += &format!("  {key}OUIdentifier:\n    Certificate: {authority}\n");
        yaml += &format!("    OrganizationalUnitIdentifier: {}\n", role.unit());
    }
    yaml
}
