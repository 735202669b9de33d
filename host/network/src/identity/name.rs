//! A subject as a URI in its certificate: `tinderbox://CLUSTER/executor/TENANT/EPOCH.NUMBER/EXECUTOR`.

use std::fmt;

use scheduler::{ApplicationId, Epoch, ExecutorId, Tenant};
use wire::{Role, Subject};

/// Who a process is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Of which cluster.
    pub cluster: String,
    /// Who there.
    pub subject: Subject,
}

/// How many characters a tenant's name may have in a certificate.
const TENANT_MAX: usize = 64;

impl Identity {
    /// Returns the URI; none where the tenant's name has characters that a URI cannot have.
    pub(crate) fn uri(&self) -> Option<String> {
        let tenant = self.subject.tenant();
        tenant
            .is_none_or(|tenant| is_plain(&tenant.0))
            .then(|| self.to_string())
    }

    /// Returns whom a URI names, if it is one of ours.
    pub(crate) fn parse(uri: &str) -> Option<Self> {
        let (cluster, path) = uri.strip_prefix("tinderbox://")?.split_once('/')?;
        let parts: Vec<&str> = path.split('/').collect();
        let subject = match parts[..] {
            ["master"] => Subject::Master,
            ["worker"] => Subject::Worker,
            ["driver", tenant] => Subject::Driver {
                tenant: parse_tenant(tenant)?,
                application: None,
            },
            ["driver", tenant, application] => Subject::Driver {
                tenant: parse_tenant(tenant)?,
                application: Some(parse_application(application)?),
            },
            ["executor", tenant, application, executor] => Subject::Executor {
                tenant: parse_tenant(tenant)?,
                application: parse_application(application)?,
                executor: ExecutorId(executor.parse().ok()?),
            },
            ["submitter", tenant] => Subject::Submitter {
                tenant: parse_tenant(tenant)?,
            },
            ["joiner", "worker"] => Subject::Joiner(Role::Worker),
            ["joiner", "submitter"] => Subject::Joiner(Role::Submitter),
            _ => return None,
        };
        is_plain(cluster).then(|| Self {
            cluster: cluster.to_owned(),
            subject,
        })
    }
}

/// The URI in the certificate of a cluster's authority.
pub(super) fn authority_uri(cluster: &str) -> String {
    format!("tinderbox://{cluster}/authority")
}

/// Returns the cluster whose authority's URI it is.
pub(super) fn parse_authority(uri: &str) -> Option<&str> {
    let cluster = uri
        .strip_prefix("tinderbox://")?
        .strip_suffix("/authority")?;
    is_plain(cluster).then_some(cluster)
}

fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=TENANT_MAX).contains(&name.len()) && name.bytes().all(is_plain)
}

fn parse_tenant(name: &str) -> Option<Tenant> {
    is_plain(name).then(|| name.into())
}

fn parse_application(name: &str) -> Option<ApplicationId> {
    let (epoch, number) = name.split_once('.')?;
    Some(ApplicationId {
        epoch: Epoch(epoch.parse().ok()?),
        number: number.parse().ok()?,
    })
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tinderbox://{}/{}", self.cluster, self.subject.role())?;
        if let Subject::Joiner(role) = self.subject {
            return write!(f, "/{role}");
        }
        if let Some(tenant) = self.subject.tenant() {
            write!(f, "/{tenant}")?;
        }
        if let Some(application) = self.subject.application() {
            write!(f, "/{}.{}", application.epoch.0, application.number)?;
        }
        if let Subject::Executor { executor, .. } = self.subject {
            write!(f, "/{}", executor.0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(subject: Subject) -> Identity {
        Identity {
            cluster: "c0ffee".into(),
            subject,
        }
    }

    #[test]
    fn a_name_is_read_as_it_was_written() {
        let application = ApplicationId {
            epoch: Epoch(3),
            number: 7,
        };
        let tenant = || Tenant::from("team-a");
        let executor = identity(Subject::Executor {
            tenant: tenant(),
            application,
            executor: ExecutorId(2),
        });
        assert_eq!(
            executor.uri().unwrap(),
            "tinderbox://c0ffee/executor/team-a/3.7/2"
        );
        let subjects = [
            Subject::Master,
            Subject::Worker,
            Subject::Driver {
                tenant: tenant(),
                application: None,
            },
            Subject::Driver {
                tenant: tenant(),
                application: Some(application),
            },
            Subject::Submitter { tenant: tenant() },
            Subject::Joiner(Role::Worker),
            Subject::Joiner(Role::Submitter),
        ];
        for name in subjects.map(identity).into_iter().chain([executor]) {
            assert_eq!(Identity::parse(&name.uri().unwrap()), Some(name));
        }
    }

    #[test]
    fn a_tenant_cannot_pass_for_something_else() {
        for tenant in ["", "a/3.7", "a b", "../master", &"x".repeat(65)] {
            let tenant = tenant.into();
            assert_eq!(identity(Subject::Submitter { tenant }).uri(), None);
        }
        for uri in [
            "tinderbox://c0ffee/joiner/master",
            "tinderbox://c0ffee/master/",
            "tinderbox:///master",
            "spark://c0ffee/master",
        ] {
            assert_eq!(Identity::parse(uri), None);
        }
    }
}
