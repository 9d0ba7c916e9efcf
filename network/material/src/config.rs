//! `crypto-config.yaml`, the format that cryptogen reads.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{CryptoConfigError, attributes::check_roles, template::render};

/// The most organisations of a file, and the most nodes and users of an organisation.
const MAX_COUNT: usize = 1_000;
/// A larger file is no crypto-config.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The organisations to make keys for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CryptoConfig {
    /// Orderer organisations first, each group in the order of the file.
    pub organizations: Vec<Organization>,
}

/// What an organisation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Orderer,
    Peer,
}

/// An organisation, with all templates filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    pub kind: Kind,
    /// Such as `CertBody`. Cryptogen does not use it; by it the organisation is known in `configtx.yaml`.
    pub name: String,
    pub domain: String,
    /// Whether roles are told apart by organisational units.
    pub node_ous: bool,
    /// The name of the certificate authority, such as `ca.org1.example.com`; TLS's has `tls` before it.
    pub ca_name: String,
    pub subject: Subject,
    pub nodes: Vec<Node>,
    /// Users besides `Admin`: `User1` and so on. Orderer organisations have none.
    pub users: usize,
    /// Roles in certification, joined by commas, of `User1` and so on; the later ones may have none.
    pub roles: Vec<String>,
}

/// The parts of a distinguished name that all certificates of an organisation share. Empty parts are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub country: String,
    pub province: String,
    pub locality: String,
    pub organizational_unit: String,
    pub street_address: String,
    pub postal_code: String,
}

/// A peer or an orderer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub hostname: String,
    /// Such as `peer0.org1.example.com`: names its folder too.
    pub common_name: String,
    /// Host names and addresses for its TLS certificate: common name, host name, and what the file adds.
    pub alternative_names: Vec<String>,
}

impl CryptoConfig {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// Unknown and missing keys and values of the wrong kind are named, with their line.
    pub fn read(path: &Path) -> Result<Self, CryptoConfigError> {
        let io = |source| CryptoConfigError::Io { path: path.to_owned(), source };
        if fs::metadata(path).map_err(io)?.len() > MAX_FILE_BYTES {
            return Err(yaml(path, "it is larger than 1 MiB"));
        }
        let text = fs::read_to_string(path).map_err(io)?;
        Self::parse(&text).map_err(|error| match error {
            CryptoConfigError::Config(reason) => yaml(path, &reason),
            other => other,
        })
    }

    /// Reads and checks a text.
    pub fn parse(text: &str) -> Result<Self, CryptoConfigError> {
        let file: File = serde_norway::from_str(text).map_err(|error| {
            // The parser names Rust's type, which is nothing to the author of the file.
            CryptoConfigError::Config(error.to_string().replace("expected usize", "expected a whole number"))
        })?;
        let orderers = file.orderer_orgs.into_iter().map(|spec| (Kind::Orderer, spec));
        let peers = file.peer_orgs.into_iter().map(|spec| (Kind::Peer, spec));
        let organizations = orderers.chain(peers).map(|(kind, spec)| spec.render(kind));
        let config = Self { organizations: organizations.collect::<Result<_, _>>()? };
        config.check()?;
        Ok(config)
    }

    /// Finds an organisation by its name or its domain.
    pub fn organization(&self, asked: &str) -> Option<&Organization> {
        let is_asked = |known: &&Organization| known.name == asked || known.domain == asked;
        self.organizations.iter().find(is_asked)
    }

    fn check(&self) -> Result<(), CryptoConfigError> {
        if self.organizations.is_empty() {
            return Err(refused("neither OrdererOrgs nor PeerOrgs has an organisation"));
        }
        if self.organizations.len() > MAX_COUNT {
            return Err(refused(&format!("more than {MAX_COUNT} organisations")));
        }
        let mut seen = BTreeSet::new();
        for organization in &self.organizations {
            if !seen.insert((organization.kind as u8, &organization.domain)) {
                return Err(refused(&format!("the Domain {:?} is there twice", organization.domain)));
            }
            organization.check()?;
        }
        Ok(())
    }
}

impl Organization {
    /// The folder of the organisation under the root of all.
    pub fn folder(&self, root: &Path) -> PathBuf {
        let group = match self.kind {
            Kind::Orderer => "ordererOrganizations",
            Kind::Peer => "peerOrganizations",
        };
        root.join(group).join(&self.domain)
    }

    /// The membership definition without keys, for the channel's configuration.
    pub fn msp_folder(&self, root: &Path) -> PathBuf {
        self.folder(root).join("msp")
    }

    /// The folder of a node, with `msp` and `tls` in it.
    pub fn node_folder(&self, root: &Path, node: &Node) -> PathBuf {
        self.node_group(&self.folder(root)).join(&node.common_name)
    }

    /// Where in the organisation's folder its nodes lie.
    pub(super) fn node_group(&self, folder: &Path) -> PathBuf {
        match self.kind {
            Kind::Orderer => folder.join("orderers"),
            Kind::Peer => folder.join("peers"),
        }
    }

    /// The folder of a user such as `User1` or `Admin`, with `msp` and `tls` in it.
    pub fn user_folder(&self, root: &Path, user: &str) -> PathBuf {
        self.folder(root).join("users").join(self.user_name(user))
    }

    /// A user's common name, such as `User1@org1.example.com`.
    pub fn user_name(&self, user: &str) -> String {
        format!("{user}@{}", self.domain)
    }

    /// All users: `Admin`, and for peer organisations `User1` and so on.
    pub fn user_names(&self) -> impl Iterator<Item = String> {
        let others = if self.kind == Kind::Peer { self.users } else { 0 };
        std::iter::once("Admin".to_owned()).chain((1..=others).map(|index| format!("User{index}")))
    }

    /// The roles in certification that the file gives a user such as `User1`.
    pub(super) fn roles_of(&self, user: &str) -> Option<&str> {
        let index = user.strip_prefix("User")?.parse::<usize>().ok()?.checked_sub(1)?;
        self.roles.get(index).map(String::as_str)
    }

    fn check(&self) -> Result<(), CryptoConfigError> {
        let within = |what: &str, reason: &str| refused(&format!("{}: {what}: {reason}", self.domain));
        check_name(&self.domain).map_err(|reason| within("Domain", reason))?;
        check_name(&self.ca_name).map_err(|reason| within("CA", reason))?;
        if self.nodes.len() > MAX_COUNT || self.users > MAX_COUNT {
            return Err(within("Count", "at most 1000 nodes and 1000 users"));
        }
        if self.roles.len() > self.users {
            return Err(within("Roles", "there are more than users"));
        }
        for roles in &self.roles {
            check_roles(roles).map_err(|reason| within(&format!("Roles {roles:?}"), reason))?;
        }
        let mut seen = BTreeSet::new();
        for node in &self.nodes {
            check_name(&node.common_name).map_err(|reason| within("CommonName", reason))?;
            if !seen.insert(&node.common_name) {
                return Err(within(&node.common_name, "this node is there twice"));
            }
            if !node.alternative_names.iter().all(|name| name.is_ascii() && !name.is_empty()) {
                return Err(within(&node.common_name, "SANS must be host names or addresses"));
            }
        }
        Ok(())
    }
}

/// Names become folders, files and common names: a letter or digit first, 64 characters at most (the bound of
/// a common name, RFC 5280 A.1).
pub(super) fn check_name(name: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_@".contains(&byte);
    match name.as_bytes() {
        [] => Err("it is missing"),
        [first, ..] if !first.is_ascii_alphanumeric() => Err("it must begin with a letter or a digit"),
        bytes if bytes.len() > 64 => Err("it is longer than 64 characters"),
        bytes if !bytes.iter().all(|byte| allowed(*byte)) => {
            Err("only letters, digits and . - _ @ are allowed")
        }
        _ => Ok(()),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct File {
    orderer_orgs: Vec<OrgSpec>,
    peer_orgs: Vec<OrgSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OrgSpec {
    name: String,
    domain: String,
    #[serde(rename = "EnableNodeOUs", default)]
    enable_node_ous: bool,
    #[serde(rename = "CA", default)]
    ca: NodeSpec,
    #[serde(default)]
    template: NodeTemplate,
    #[serde(default)]
    specs: Vec<NodeSpec>,
    #[serde(default)]
    users: UsersSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct NodeSpec {
    hostname: String,
    common_name: String,
    country: String,
    province: String,
    locality: String,
    organizational_unit: String,
    street_address: String,
    postal_code: String,
    #[serde(rename = "SANS")]
    sans: Vec<String>,
    #[allow(dead_code, reason = "read to be checked: one value is allowed")]
    public_key_algorithm: Algorithm,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct NodeTemplate {
    count: usize,
    start: usize,
    hostname: String,
    #[serde(rename = "SANS")]
    sans: Vec<String>,
    #[allow(dead_code, reason = "read to be checked: one value is allowed")]
    public_key_algorithm: Algorithm,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct UsersSpec {
    count: usize,
    /// Ours; cryptogen passes over it.
    roles: Vec<String>,
    #[allow(dead_code, reason = "read to be checked: one value is allowed")]
    public_key_algorithm: Algorithm,
}

/// P-256. Cryptogen can make Ed25519 identities too, which channels below capability V3_0 refuse.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Algorithm {
    #[default]
    Ecdsa,
}

impl OrgSpec {
    fn render(self, kind: Kind) -> Result<Organization, CryptoConfigError> {
        let domain = self.domain;
        let ca = NodeSpec { hostname: or(self.ca.hostname, "ca"), ..self.ca };
        let within = |reason: String| refused(&format!("{domain}: {reason}"));
        let templated = self.template.nodes(kind, &domain).map_err(within)?;
        let specs = self.specs.into_iter().chain(templated);
        let nodes = specs.map(|spec| spec.node(&domain)).collect::<Result<_, _>>().map_err(within)?;
        let ca_name = ca.common_name(&domain).map_err(within)?;
        Ok(Organization {
            kind,
            name: self.name,
            node_ous: self.enable_node_ous,
            ca_name,
            subject: ca.subject(),
            nodes,
            users: self.users.count,
            roles: self.users.roles,
            domain,
        })
    }
}

impl NodeTemplate {
    fn nodes(self, kind: Kind, domain: &str) -> Result<Vec<NodeSpec>, String> {
        if self.count > MAX_COUNT {
            return Err(format!("Count: at most {MAX_COUNT} nodes"));
        }
        let prefix = match kind {
            Kind::Orderer => "orderer",
            Kind::Peer => "peer",
        };
        let template = or(self.hostname, "{{.Prefix}}{{.Index}}");
        let node = |index: usize| {
            let index = self.start.saturating_add(index).to_string();
            let hostname = render(&template, &[("Prefix", prefix), ("Index", &index), ("Domain", domain)])?;
            Ok(NodeSpec { hostname, sans: self.sans.clone(), ..NodeSpec::default() })
        };
        (0..self.count).map(node).collect()
    }
}

impl NodeSpec {
    fn node(self, domain: &str) -> Result<Node, String> {
        if self.hostname.is_empty() {
            return Err("Specs: a Hostname is missing".to_owned());
        }
        let common_name = self.common_name(domain)?;
        let variables =
            [("Hostname", self.hostname.as_str()), ("Domain", domain), ("CommonName", common_name.as_str())];
        let added = self.sans.iter().map(|name| render(name, &variables));
        let implied = [Ok(common_name.clone()), Ok(self.hostname.clone())];
        let alternative_names = implied.into_iter().chain(added).collect::<Result<_, _>>()?;
        Ok(Node { hostname: self.hostname, common_name, alternative_names })
    }

    fn common_name(&self, domain: &str) -> Result<String, String> {
        let template = or(self.common_name.clone(), "{{.Hostname}}.{{.Domain}}");
        render(&template, &[("Hostname", &self.hostname), ("Domain", domain), ("CommonName", "")])
    }

    fn subject(self) -> Subject {
        Subject {
            country: or(self.country, "US"),
            province: or(self.province, "California"),
            locality: or(self.locality, "San Francisco"),
            organizational_unit: self.organizational_unit,
            street_address: self.street_address,
            postal_code: self.postal_code,
        }
    }
}

fn or(value: String, default: &str) -> String {
    if value.is_empty() { default.to_owned() } else { value }
}

fn refused(reason: &str) -> CryptoConfigError {
    CryptoConfigError::Config(reason.to_owned())
}

fn yaml(path: &Path, reason: &str) -> CryptoConfigError {
    CryptoConfigError::Yaml { path: path.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        CryptoConfig::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn fills_in_templates_as_cryptogen_does() {
        let config = CryptoConfig::parse(
            r#"
PeerOrgs:
  - Name: Org1
    Domain: org1.example.com
    CA: { Country: DE, Province: Hesse, Locality: Darmstadt, OrganizationalUnit: Trust }
    Specs:
      - Hostname: foo
        CommonName: foo27.org5.example.com
        SANS: ["bar.{{.Domain}}", "{{.Hostname}}.org6.net", 172.16.10.31]
    Template: { Count: 2, Start: 5, SANS: ["{{.Hostname}}.alt.{{.Domain}}"] }
    Users: { Count: 1 }
OrdererOrgs:
  - { Name: Orderer, Domain: example.com, EnableNodeOUs: true, Specs: [{ Hostname: orderer }] }
"#,
        )
        .unwrap();
        let [orderer, org1] = &config.organizations[..] else { unreachable!() };
        assert_eq!((orderer.kind, orderer.node_ous, org1.node_ous), (Kind::Orderer, true, false));
        assert_eq!(orderer.nodes[0].common_name, "orderer.example.com");
        assert_eq!(org1.ca_name, "ca.org1.example.com");
        assert_eq!((org1.subject.country.as_str(), org1.subject.locality.as_str()), ("DE", "Darmstadt"));
        let names: Vec<_> = org1.nodes.iter().map(|node| node.common_name.as_str()).collect();
        assert_eq!(names, ["foo27.org5.example.com", "peer5.org1.example.com", "peer6.org1.example.com"]);
        assert_eq!(
            org1.nodes[0].alternative_names,
            ["foo27.org5.example.com", "foo", "bar.org1.example.com", "foo.org6.net", "172.16.10.31"]
        );
        assert_eq!(org1.nodes[1].alternative_names[2], "peer5.alt.org1.example.com");
        assert_eq!(org1.user_names().collect::<Vec<_>>(), ["Admin", "User1"]);
        assert_eq!(orderer.user_names().collect::<Vec<_>>(), ["Admin"]);
    }

    #[test]
    fn errors_name_key_and_line() {
        let unknown = error("PeerOrgs:\n  - Name: A\n    Domain: a\n    EnableNodeOU: true\n");
        assert!(unknown.contains("EnableNodeOU") && unknown.contains("line 4"), "{unknown}");
        let missing = error("PeerOrgs:\n  - Name: A\n");
        assert!(missing.contains("Domain") && missing.contains("line 2"), "{missing}");
        let wrong = error("PeerOrgs:\n  - Name: A\n    Domain: a\n    Users:\n      Count: many\n");
        assert!(wrong.contains("Count") && wrong.contains("line 5"), "{wrong}");
        let algorithm =
            error("PeerOrgs:\n  - { Name: A, Domain: a, Users: { PublicKeyAlgorithm: ed25519 } }\n");
        assert!(algorithm.contains("ed25519") && algorithm.contains("ecdsa"), "{algorithm}");
    }

    #[test]
    fn names_that_cannot_be_folders_are_refused() {
        for domain in ["../x", "", ".", "a/b", "-a", "a b"] {
            let text = format!("PeerOrgs: [{{ Name: A, Domain: {domain:?} }}]");
            assert!(error(&text).contains("Domain"), "{domain:?}");
        }
        assert!(error("PeerOrgs: [{ Name: A, Domain: a }, { Name: B, Domain: a }]").contains("twice"));
        let twice = "PeerOrgs: [{ Name: A, Domain: a, Specs: [{ Hostname: x }, { Hostname: x }] }]";
        assert!(error(twice).contains("x.a"));
        assert!(error("{}").contains("PeerOrgs"));
        let many = error("PeerOrgs: [{ Name: A, Domain: a, Template: { Count: many } }]");
        assert!(many.contains("expected a whole number"), "{many}");
        assert!(
            error("PeerOrgs: [{ Name: A, Domain: a, Template: { Count: 4000000000 } }]").contains("1000")
        );
    }

    #[test]
    fn the_network_of_this_project_is_read() {
        let text = include_str!("../../../crypto-config/crypto-config.yaml");
        let config = CryptoConfig::parse(text).unwrap();
        let names: Vec<_> = config.organizations.iter().map(|known| known.name.as_str()).collect();
        assert_eq!(names, ["Orderer", "CertBody", "Accreditation", "Lab", "Industry", "Customs"]);
        assert!(config.organizations.iter().all(|known| known.node_ous && known.nodes.len() == 1));
    }
}
