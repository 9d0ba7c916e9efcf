//! Installing packages, and what is installed: nothing of this is known to any channel.

use std::collections::BTreeMap;

use fabric::proto::lifecycle::{
    GetInstalledChaincodePackageArgs, GetInstalledChaincodePackageResult, InstallChaincodeArgs,
    InstallChaincodeResult, QueryInstalledChaincodeArgs, QueryInstalledChaincodeResult,
    QueryInstalledChaincodesArgs, QueryInstalledChaincodesResult, query_installed_chaincode_result,
    query_installed_chaincodes_result,
};

use super::{Invocation, LifecycleError, local_package_hash};
use crate::rwset::sha256;
use ledger::{DefinitionError, DefinitionState, View};
use lifecycle::{NAMESPACE, NAMESPACES, implicit_collection, package_id_key, read_definition, records};

/// Name and version of the chaincodes that run from each package, by package id.
type Uses = BTreeMap<String, Vec<(String, String)>>;

impl Invocation<'_, '_> {
    pub(super) fn install_chaincode(
        &mut self,
        input: InstallChaincodeArgs,
    ) -> Result<InstallChaincodeResult, LifecycleError> {
        let package = self.endorser.packages().install(&input.chaincode_install_package)?;
        tracing::info!(package_id = %package.id, "chaincode package installed");
        Ok(InstallChaincodeResult { package_id: package.id.clone(), label: package.label.clone() })
    }

    pub(super) fn get_installed_chaincode_package(
        &mut self,
        input: GetInstalledChaincodePackageArgs,
    ) -> Result<GetInstalledChaincodePackageResult, LifecycleError> {
        let chaincode_install_package = self.endorser.packages().load(&input.package_id)?;
        Ok(GetInstalledChaincodePackageResult { chaincode_install_package })
    }

    pub(super) fn query_installed_chaincode(
        &mut self,
        input: QueryInstalledChaincodeArgs,
    ) -> Result<QueryInstalledChaincodeResult, LifecycleError> {
        use query_installed_chaincode_result::{Chaincode, References};
        let package_id = input.package_id;
        let package = self.endorser.packages().get(&package_id).ok_or_else(|| {
            LifecycleError::failed(format!("could not find chaincode with package id '{package_id}'"))
        })?;
        let used = self.uses()?.remove(&package_id);
        let references = used.map(|used| {
            let chaincodes = used.into_iter().map(|(name, version)| Chaincode { name, version }).collect();
            (self.channel_name(), References { chaincodes })
        });
        Ok(QueryInstalledChaincodeResult {
            package_id,
            label: package.label.clone(),
            references: references.into_iter().collect(),
        })
    }

    pub(super) fn query_installed_chaincodes(
        &mut self,
        _: QueryInstalledChaincodesArgs,
    ) -> Result<QueryInstalledChaincodesResult, LifecycleError> {
        use query_installed_chaincodes_result::{Chaincode, InstalledChaincode, References};
        let mut uses = self.uses()?;
        let packages = self.endorser.packages().list().into_iter();
        let installed = packages.map(|package| {
            let references = uses.remove(&package.id).map(|used| {
                let chaincodes =
                    used.into_iter().map(|(name, version)| Chaincode { name, version }).collect();
                (self.channel_name(), References { chaincodes })
            });
            InstalledChaincode {
                package_id: package.id.clone(),
                label: package.label.clone(),
                references: references.into_iter().collect(),
            }
        });
        Ok(QueryInstalledChaincodesResult { installed_chaincodes: installed.collect() })
    }

    fn channel_name(&self) -> String {
        self.transaction.bundle.channel_id().to_owned()
    }

    /// Which committed definitions this organisation runs from which of its packages.
    fn uses(&self) -> Result<Uses, LifecycleError> {
        let ledger = self.endorser.ledger();
        let view = ledger.view().map_err(DefinitionError::from)?;
        let collection = implicit_collection(self.msp_id());
        let packages: BTreeMap<_, _> = self
            .endorser
            .packages()
            .list()
            .into_iter()
            .map(|package| (local_package_hash(&package.id), package))
            .collect();
        let mut uses = Uses::new();
        for name in defined_names(&view)? {
            let Some(definition) = read_definition(&name, &mut DefinitionState(&view))? else { continue };
            let key = package_id_key(&definition.private_name(&name));
            let source = view
                .get_hashed(NAMESPACE, &collection, &sha256(key.as_bytes()))
                .map_err(DefinitionError::from)?;
            if let Some(package) = source.and_then(|source| packages.get(&source.value)) {
                let version = definition.parameters.endorsement.version;
                uses.entry(package.id.clone()).or_default().push((name, version));
            }
        }
        Ok(uses)
    }
}

fn defined_names(view: &View<'_>) -> Result<Vec<String>, LifecycleError> {
    let prefix = records::metadata_prefix(NAMESPACES);
    let entries = view.range(NAMESPACE, &prefix, &format!("{prefix}\x7f")).map_err(DefinitionError::from)?;
    let names = entries.map(|entry| {
        let (key, _) = entry.map_err(DefinitionError::from)?;
        Ok(key.strip_prefix(&prefix).unwrap_or_default().to_owned())
    });
    names.collect()
}
