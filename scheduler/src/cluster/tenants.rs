//! Who owns applications, and how much of the cluster each of them may have.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Tenant;

/// How much a tenant may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Quota {
    /// Its part of the cluster, where others want theirs: twice the weight, twice the cores. 0 counts as 1.
    pub weight: u32,
    /// The most cores of its executors and drivers.
    pub cores: Option<u32>,
    /// The most bytes of memory of its executors and drivers.
    pub memory: Option<u64>,
    /// The most applications that have executors at a time; further ones wait.
    pub applications: Option<u32>,
    /// The most drivers that the cluster runs for it at a time; further ones wait.
    pub drivers: Option<u32>,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            weight: 1,
            cores: None,
            memory: None,
            applications: None,
            drivers: None,
        }
    }
}

/// Every tenant's quota.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tenants {
    /// Of those that are not named.
    pub default: Quota,
    /// By name.
    pub named: BTreeMap<Tenant, Quota>,
}

impl Tenants {
    /// Returns a tenant's quota.
    pub fn quota(&self, tenant: &Tenant) -> Quota {
        self.named.get(tenant).copied().unwrap_or(self.default)
    }
}
