//! Additions to key material that exists: organisations, nodes, users, and certificates for a longer time.

use std::path::{Path, PathBuf};

use super::{
    CryptoConfig, CryptoConfigError, Organization, Person, Validity,
    attributes::check_roles,
    certificate::{Authority, from_pem, to_pem},
    config::check_name,
    folder::{self, Staged, replace_public},
    layout::{Authorities, Member, Role, certificate_file, make_organization, write_member},
};

/// Makes whatever the file names and the folder lacks; returns the folders made.
///
/// Nothing that exists is touched. Each folder appears whole or not at all.
pub fn extend(
    config: &CryptoConfig,
    dir: &Path,
    validity: Validity,
) -> Result<Vec<PathBuf>, CryptoConfigError> {
    let mut made = Vec::new();
    for organization in &config.organizations {
        let folder = organization.folder(dir);
        if folder.exists() {
            made.extend(extend_organization(organization, dir, validity)?);
        } else {
            make_organization(organization, dir, validity)?;
            made.push(folder);
        }
    }
    Ok(made)
}

/// Makes one user more, such as `User3` or `alice`, with roles in certification or without; returns the user's folder.
///
/// # Errors
/// A user of this name must not exist. Its name becomes a folder: see the error's text.
pub fn add_user(
    organization: &Organization,
    dir: &Path,
    user: &str,
    roles: Option<&str>,
    validity: Validity,
) -> Result<PathBuf, CryptoConfigError> {
    let common_name = organization.user_name(user);
    let refused = |reason| CryptoConfigError::Config(format!("user {user:?}: {reason}"));
    check_name(&common_name).and_then(|()| roles.map_or(Ok(()), check_roles)).map_err(refused)?;
    let authorities = Authorities::load(organization, &existing(organization.folder(dir))?)?;
    let member = Member {
        common_name: &common_name,
        role: Role::of_user(user),
        alternative_names: &[],
        admin_certificate: None,
        roles,
    };
    let folder = organization.user_folder(dir, user);
    if folder.exists() {
        return Err(CryptoConfigError::Exists(folder));
    }
    add_member(organization, &authorities, &folder, &member, validity)?;
    Ok(folder)
}

/// Issues the certificates of a node (`peer0`) or a user (`User1`) again, for the same keys; a user may get roles in
/// certification, with a new pseudonym, in place of those that it has.
///
/// The old certificates stay valid as long as they say; who must not use them any more needs a revocation.
pub fn renew(
    organization: &Organization,
    dir: &Path,
    name: &str,
    roles: Option<&str>,
    validity: Validity,
) -> Result<PathBuf, CryptoConfigError> {
    roles
        .map_or(Ok(()), check_roles)
        .map_err(|reason| CryptoConfigError::Config(format!("{name}: {reason}")))?;
    let person = roles.map(Person::with_roles).transpose()?;
    let node = organization.nodes.iter().find(|node| node.hostname == name || node.common_name == name);
    let (folder, common_name, role) = match node {
        Some(node) => {
            (organization.node_folder(dir, node), node.common_name.clone(), Role::of_nodes(organization.kind))
        }
        None => (organization.user_folder(dir, name), organization.user_name(name), Role::of_user(name)),
    };
    let folder = existing(folder)?;
    let authorities = Authorities::load(organization, &organization.folder(dir))?;
    let identity = folder.join("msp").join("signcerts").join(certificate_file(&common_name));
    renew_file(&authorities.identities, &identity, person.as_ref(), validity)?;
    let tls = folder.join("tls").join(format!("{}.crt", role.tls_prefix()));
    renew_file(&authorities.tls, &tls, None, validity)?;
    Ok(folder)
}

fn extend_organization(
    organization: &Organization,
    dir: &Path,
    validity: Validity,
) -> Result<Vec<PathBuf>, CryptoConfigError> {
    let authorities = Authorities::load(organization, &organization.folder(dir))?;
    let mut made = Vec::new();
    for user in organization.user_names() {
        let member = Member {
            common_name: &organization.user_name(&user),
            role: Role::of_user(&user),
            alternative_names: &[],
            admin_certificate: None,
            roles: organization.roles_of(&user),
        };
        let folder = organization.user_folder(dir, &user);
        if !folder.exists() {
            add_member(organization, &authorities, &folder, &member, validity)?;
            made.push(folder);
        }
    }
    let admin = admin_certificate(organization, dir)?;
    for node in &organization.nodes {
        let member = Member {
            common_name: &node.common_name,
            role: Role::of_nodes(organization.kind),
            alternative_names: &node.alternative_names,
            admin_certificate: admin.as_deref(),
            roles: None,
        };
        let folder = organization.node_folder(dir, node);
        if !folder.exists() {
            add_member(organization, &authorities, &folder, &member, validity)?;
            made.push(folder);
        }
    }
    Ok(made)
}

fn add_member(
    organization: &Organization,
    authorities: &Authorities,
    folder: &Path,
    member: &Member<'_>,
    validity: Validity,
) -> Result<(), CryptoConfigError> {
    let staged = Staged::new(folder)?;
    write_member(organization, authorities, &staged.path, member, validity)?;
    staged.publish()
}

fn admin_certificate(organization: &Organization, dir: &Path) -> Result<Option<String>, CryptoConfigError> {
    if organization.node_ous {
        return Ok(None);
    }
    let signcerts = organization.user_folder(dir, "Admin").join("msp").join("signcerts");
    let path = signcerts.join(certificate_file(&organization.user_name("Admin")));
    to_pem(&from_pem(&folder::read(&path)?)?).map(Some)
}

fn renew_file(
    authority: &Authority,
    path: &Path,
    person: Option<&Person>,
    validity: Validity,
) -> Result<(), CryptoConfigError> {
    let old = from_pem(&folder::read(path)?)?;
    replace_public(path, &to_pem(&authority.renew(&old, person, validity)?)?)
}

fn existing(folder: PathBuf) -> Result<PathBuf, CryptoConfigError> {
    if folder.exists() { Ok(folder) } else { Err(CryptoConfigError::Missing(folder)) }
}
