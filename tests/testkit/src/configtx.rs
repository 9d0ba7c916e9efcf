//! `configtx.yaml` of a channel with one orderer.

/// The profile in it.
pub const PROFILE: &str = "Test";

/// What channels of tests differ in. The groups of organisations are named by their MSP ids.
pub struct Configtx<'a> {
    /// The folder of the keys, with a slash at its end.
    pub keys: &'a str,
    pub capability: &'a str,
    pub application_capability: &'a str,
    /// Where clients find the orderer: host and port.
    pub consenter: (&'a str, u16),
    /// How many organisations endorse where no policy says it: `ANY` or `MAJORITY`.
    pub endorsement: &'a str,
    /// MSP id, domain, and the role of those who endorse.
    pub organisations: &'a [(&'a str, &'a str, &'a str)],
}

impl Configtx<'_> {
    pub fn yaml(&self) -> String {
        let (host, port) = self.consenter;
        let organisations: String = self.organisations.iter().map(|it| self.organisation(it)).collect();
        TEMPLATE
            .replace("APPLICATION_CAPABILITY", self.application_capability)
            .replace("CAPABILITY", self.capability)
            .replace("HOST", host)
            .replace("PORT", &port.to_string())
            .replace("KEYS/", self.keys)
            .replace("HOW_MANY", self.endorsement)
            .replace("ORGANISATIONS", &organisations)
    }

    fn organisation(&self, (mspid, domain, endorser): &(&str, &str, &str)) -> String {
        let keys = self.keys;
        format!(
            r#"
        - Name: {mspid}
          ID: {mspid}
          MSPDir: {keys}peerOrganizations/{domain}/msp
          Policies:
            Readers: {{ Type: Signature, Rule: "OR('{mspid}.member')" }}
            Writers: {{ Type: Signature, Rule: "OR('{mspid}.member')" }}
            Admins: {{ Type: Signature, Rule: "OR('{mspid}.admin')" }}
            Endorsement: {{ Type: Signature, Rule: "OR('{mspid}.{endorser}')" }}"#
        )
    }
}

const TEMPLATE: &str = r#"
Profiles:
  Test:
    Policies: &Policies
      Readers: { Type: ImplicitMeta, Rule: "ANY Readers" }
      Writers: { Type: ImplicitMeta, Rule: "ANY Writers" }
      Admins: { Type: ImplicitMeta, Rule: "ANY Admins" }
    Capabilities: { CAPABILITY: true }
    Orderer:
      OrdererType: etcdraft
      BatchTimeout: 2s
      BatchSize: { MaxMessageCount: 500, AbsoluteMaxBytes: 10 MB, PreferredMaxBytes: 2 MB }
      EtcdRaft:
        Consenters:
          - Host: HOST
            Port: PORT
            ClientTLSCert: KEYS/ordererOrganizations/orderer.test/orderers/orderer0.orderer.test/tls/server.crt
            ServerTLSCert: KEYS/ordererOrganizations/orderer.test/orderers/orderer0.orderer.test/tls/server.crt
      Policies:
        <<: *Policies
        BlockValidation: { Type: ImplicitMeta, Rule: "ANY Writers" }
      Capabilities: { V2_0: true }
      Organizations:
        - Name: OrdererMSP
          ID: OrdererMSP
          MSPDir: KEYS/ordererOrganizations/orderer.test/msp
          OrdererEndpoints: ["HOST:PORT"]
          Policies:
            Readers: { Type: Signature, Rule: "OR('OrdererMSP.member')" }
            Writers: { Type: Signature, Rule: "OR('OrdererMSP.member')" }
            Admins: { Type: Signature, Rule: "OR('OrdererMSP.admin')" }
    Application:
      Policies:
        <<: *Policies
        Endorsement: { Type: ImplicitMeta, Rule: "HOW_MANY Endorsement" }
        LifecycleEndorsement: { Type: ImplicitMeta, Rule: "HOW_MANY Endorsement" }
      Capabilities: { APPLICATION_CAPABILITY: true }
      Organizations:ORGANISATIONS
"#;
