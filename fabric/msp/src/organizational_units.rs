//! Rules about organisational units: the ones an MSP demands, and those that tell roles apart (NodeOUs).

use std::collections::BTreeMap;

use fabric::proto::{
    common::msp_role::MspRoleType,
    msp::{FabricNodeOUs, FabricOuIdentifier},
};

use super::{MspError, MspVersion, identity::OrganizationalUnit};

/// What an MSP asks of its members' organisational units.
#[derive(Clone, Debug, Default)]
pub(super) struct UnitRules {
    /// If there are any, a member must have one of these, from one of these certifiers.
    demanded: BTreeMap<String, Vec<[u8; 32]>>,
    /// Whether a member must have exactly one of the role units.
    pub enforced: bool,
    roles: Vec<RoleUnit>,
}

#[derive(Clone, Debug)]
struct RoleUnit {
    role: MspRoleType,
    name: String,
    /// Any certifier will do if there is none.
    certifiers_identifier: Option<[u8; 32]>,
}

impl UnitRules {
    /// Adds a unit that members must have one of.
    pub fn demand(&mut self, name: &str, certifiers_identifier: [u8; 32]) {
        self.demanded.entry(name.to_owned()).or_default().push(certifiers_identifier);
    }

    /// Takes in the NodeOUs of a configuration; `certifiers` identifies a certificate of this MSP.
    pub fn set_roles(
        &mut self,
        config: &FabricNodeOUs,
        version: MspVersion,
        certifiers: impl Fn(&[u8]) -> Result<[u8; 32], MspError>,
    ) -> Result<(), MspError> {
        let with_four_roles = version >= MspVersion::V1_4_3;
        for (role, identifier) in [
            (MspRoleType::Client, &config.client_ou_identifier),
            (MspRoleType::Peer, &config.peer_ou_identifier),
            (MspRoleType::Admin, &config.admin_ou_identifier),
            (MspRoleType::Orderer, &config.orderer_ou_identifier),
        ] {
            let counts = with_four_roles || matches!(role, MspRoleType::Client | MspRoleType::Peer);
            match identifier.as_ref().filter(|_| counts) {
                Some(identifier) => self.roles.push(RoleUnit::new(role, identifier, &certifiers)?),
                None if counts && !with_four_roles => {
                    return Err(MspError::Config(format!("NodeOUs without a unit for {role:?}")));
                }
                None => {}
            }
        }
        let named = self.roles.iter().all(|role| !role.name.is_empty());
        if !with_four_roles && !named {
            return Err(MspError::Config("NodeOUs with an empty unit".to_owned()));
        }
        self.enforced = config.enable && !self.roles.is_empty();
        Ok(())
    }

    pub fn has_role(&self, role: MspRoleType) -> bool {
        self.roles.iter().any(|unit| unit.role == role)
    }

    /// Judges an identity's units.
    pub fn check(&self, units: &[OrganizationalUnit]) -> Result<(), MspError> {
        if !self.demanded.is_empty() && !units.iter().any(|unit| self.is_demanded(unit)) {
            return Err(MspError::OrganizationalUnits("none of those demanded is there".to_owned()));
        }
        if self.enforced { self.check_role(units) } else { Ok(()) }
    }

    /// Whether an identity has the unit of a role. Who certified it is not asked: [`Self::check`] does.
    pub fn check_is(&self, role: MspRoleType, units: &[OrganizationalUnit]) -> Result<(), MspError> {
        let refuse = |reason: &str| Err(MspError::Principal(format!("not {role:?}: {reason}")));
        if !self.enforced {
            return refuse("NodeOUs are not enabled");
        }
        match self.roles.iter().find(|unit| unit.role == role) {
            None => refuse("no unit is defined for this role"),
            Some(unit) if units.iter().any(|other| other.name == unit.name) => Ok(()),
            Some(_) => refuse("the unit is missing"),
        }
    }

    fn is_demanded(&self, unit: &OrganizationalUnit) -> bool {
        self.demanded
            .get(&unit.name)
            .is_some_and(|certifiers| certifiers.contains(&unit.certifiers_identifier))
    }

    /// Exactly one role unit, the same one twice being two.
    fn check_role(&self, units: &[OrganizationalUnit]) -> Result<(), MspError> {
        let mut count = 0;
        for unit in units {
            // Of roles with the same unit name the last one defined counts, as in Fabric's map.
            let Some(role) = self.roles.iter().rev().find(|role| role.name == unit.name) else { continue };
            if role.certifiers_identifier.is_some_and(|certifiers| certifiers != unit.certifiers_identifier) {
                return Err(MspError::OrganizationalUnits(format!("{} is of another certifier", unit.name)));
            }
            count += 1;
            if count > 1 {
                break;
            }
        }
        match count {
            1 => Ok(()),
            0 => Err(MspError::OrganizationalUnits("no role".to_owned())),
            _ => Err(MspError::OrganizationalUnits("more than one role".to_owned())),
        }
    }
}

impl RoleUnit {
    fn new(
        role: MspRoleType,
        identifier: &FabricOuIdentifier,
        certifiers: impl Fn(&[u8]) -> Result<[u8; 32], MspError>,
    ) -> Result<Self, MspError> {
        let certificate = &identifier.certificate;
        let certifiers_identifier = match certificate.is_empty() {
            true => None,
            false => Some(certifiers(certificate)?),
        };
        Ok(Self { role, name: identifier.organizational_unit_identifier.clone(), certifiers_identifier })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn unit(name: &str) -> OrganizationalUnit {
        OrganizationalUnit { name: name.to_owned(), certifiers_identifier: [1; 32] }
    }

    fn identifier(name: &str, certificate: &'static [u8]) -> Option<FabricOuIdentifier> {
        Some(FabricOuIdentifier {
            certificate: bytes::Bytes::from_static(certificate),
            organizational_unit_identifier: name.to_owned(),
        })
    }

    fn rules(version: MspVersion) -> UnitRules {
        let config = FabricNodeOUs {
            enable: true,
            client_ou_identifier: identifier("client", b""),
            peer_ou_identifier: identifier("peer", b"other"),
            admin_ou_identifier: identifier("admin", b""),
            orderer_ou_identifier: None,
        };
        let mut rules = UnitRules::default();
        rules.set_roles(&config, version, |_| Ok([2; 32])).unwrap();
        rules
    }

    #[test]
    fn exactly_one_role() {
        let rules = rules(MspVersion::V1_4_3);
        let check = |names: &[&str]| rules.check(&names.iter().map(|name| unit(name)).collect::<Vec<_>>());
        assert!(check(&["client"]).is_ok() && check(&["x", "admin", "y"]).is_ok());
        assert!(check(&[]).is_err() && check(&["Client"]).is_err());
        assert!(check(&["client", "client"]).is_err() && check(&["client", "admin"]).is_err());
        assert!(check(&["peer"]).is_err(), "of another certifier");
        assert!(
            rules.check_is(MspRoleType::Peer, &[unit("peer")]).is_ok(),
            "the certifier is not asked here"
        );
        assert!(rules.check_is(MspRoleType::Orderer, &[unit("orderer")]).is_err());
    }

    #[test]
    fn before_version_1_4_3_there_are_clients_and_peers_only() {
        let rules = rules(MspVersion::V1_1);
        assert!(rules.check(&[unit("client")]).is_ok());
        assert!(rules.check(&[unit("admin")]).is_err());
        let none = FabricNodeOUs { enable: true, ..FabricNodeOUs::default() };
        assert!(UnitRules::default().set_roles(&none, MspVersion::V1_1, |_| Ok([0; 32])).is_err());
        let mut later = UnitRules::default();
        later.set_roles(&none, MspVersion::V1_4_3, |_| Ok([0; 32])).unwrap();
        assert!(!later.enforced, "without any role there is nothing to enforce");
    }

    #[test]
    fn demanded_units_are_bound_to_their_certifiers() {
        let mut rules = UnitRules::default();
        rules.demand("guild", [1; 32]);
        rules.demand("trade", [9; 32]);
        assert!(rules.check(&[unit("x"), unit("guild")]).is_ok());
        assert!(rules.check(&[unit("trade")]).is_err() && rules.check(&[]).is_err());
    }
}
