//! Whether an identity satisfies a principal of a policy (`msp/mspimpl.go`).

use fabric::{
    proto::common::{
        CombinedPrincipal, MspIdentityAnonymity, MspPrincipal, MspRole, OrganizationUnit,
        msp_identity_anonymity::MspIdentityAnonymityType, msp_principal::Classification,
        msp_role::MspRoleType,
    },
    types::decode,
};

use super::{Identity, Msp, MspError, MspVersion};

impl Msp {
    /// Judges an identity of this MSP by a principal: an error says why it does not satisfy it.
    pub fn satisfies_principal(&self, identity: &Identity, principal: &MspPrincipal) -> Result<(), MspError> {
        self.check_own(identity)?;
        let principals = self.single_principals(principal)?;
        principals.iter().try_for_each(|principal| self.satisfies_single(identity, principal))
    }

    /// Takes combined principals apart. They may nest as deep as bytes allow, so there is no recursion.
    fn single_principals(&self, principal: &MspPrincipal) -> Result<Vec<MspPrincipal>, MspError> {
        let (mut single, mut rest) = (Vec::new(), vec![principal.clone()]);
        while let Some(principal) = rest.pop() {
            if principal.principal_classification != Classification::Combined as i32 {
                single.push(principal);
                continue;
            }
            if self.version <= MspVersion::V1_1 {
                return Err(refused("combined principals are not known to this channel"));
            }
            let combined: CombinedPrincipal = decode(principal.principal)?;
            if combined.principals.is_empty() {
                return Err(refused("a combined principal of nothing"));
            }
            rest.extend(combined.principals);
        }
        Ok(single)
    }

    fn satisfies_single(&self, identity: &Identity, principal: &MspPrincipal) -> Result<(), MspError> {
        match Classification::try_from(principal.principal_classification) {
            Ok(Classification::Role) => self.satisfies_role(identity, &decode(principal.principal.clone())?),
            Ok(Classification::OrganizationUnit) => {
                self.satisfies_unit(identity, &decode(principal.principal.clone())?)
            }
            Ok(Classification::Identity) => self.is_identity(identity, &principal.principal),
            Ok(Classification::Anonymity) if self.version >= MspVersion::V1_3 => {
                satisfies_anonymity(&decode(principal.principal.clone())?)
            }
            _ => Err(refused("this kind of principal is not known")),
        }
    }

    fn satisfies_role(&self, identity: &Identity, role: &MspRole) -> Result<(), MspError> {
        self.check_named(&role.msp_identifier)?;
        // Since 1.4.3, and with roles by unit, there are orderers, and administrators by unit.
        let by_unit = self.version >= MspVersion::V1_4_3 && self.units.enforced;
        match MspRoleType::try_from(role.role) {
            Ok(MspRoleType::Member) => identity.validate(),
            Ok(MspRoleType::Admin) if self.admins.contains(&identity.certificate) => Ok(()),
            Ok(role @ MspRoleType::Admin) if by_unit => self.is_valid_with(identity, role),
            Ok(MspRoleType::Admin) => Err(refused("not an administrator")),
            Ok(role @ MspRoleType::Orderer) if by_unit => self.is_valid_with(identity, role),
            Ok(role @ (MspRoleType::Client | MspRoleType::Peer)) => self.is_valid_with(identity, role),
            _ => Err(refused("this role is not known")),
        }
    }

    fn is_valid_with(&self, identity: &Identity, role: MspRoleType) -> Result<(), MspError> {
        identity.validate()?;
        self.units.check_is(role, &identity.units)
    }

    fn satisfies_unit(&self, identity: &Identity, wanted: &OrganizationUnit) -> Result<(), MspError> {
        self.check_named(&wanted.msp_identifier)?;
        identity.validate()?;
        let has = identity.units.iter().any(|unit| {
            unit.name == wanted.organizational_unit_identifier
                && wanted.certifiers_identifier == unit.certifiers_identifier[..]
        });
        if has { Ok(()) } else { Err(refused("the organisational unit is missing")) }
    }

    fn is_identity(&self, identity: &Identity, serialized: &[u8]) -> Result<(), MspError> {
        let wanted = self.deserialize(serialized)?;
        match wanted.certificate == identity.certificate {
            true => wanted.validate(),
            false => Err(refused("another identity")),
        }
    }

    fn check_named(&self, mspid: &str) -> Result<(), MspError> {
        if mspid == self.name { Ok(()) } else { Err(refused("a member of another MSP")) }
    }
}

/// Every X.509 identity bears a name.
fn satisfies_anonymity(anonymity: &MspIdentityAnonymity) -> Result<(), MspError> {
    match MspIdentityAnonymityType::try_from(anonymity.anonymity_type) {
        Ok(MspIdentityAnonymityType::Nominal) => Ok(()),
        _ => Err(refused("not anonymous")),
    }
}

fn refused(reason: &str) -> MspError {
    MspError::Principal(reason.to_owned())
}
