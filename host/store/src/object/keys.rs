//! Where S3's keys come from, and what is said where there are none.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use object_store::CredentialProvider;
use object_store::aws::{AwsCredential, AwsCredentialProvider};

use super::error::reason;

/// How long keys are waited for. Outside of Amazon's machines mostly nobody answers who is asked for the machine's role.
const KEYS_WAIT: Duration = Duration::from_secs(10);

/// There are no keys.
#[derive(Debug, thiserror::Error)]
#[error("it has none, and could get none: {0}")]
pub(super) struct NoKeys(String);

/// Gives the keys of another provider, within a time, and says of a failure that it is one of keys.
pub(super) struct Keys {
    from: AwsCredentialProvider,
    wait: Duration,
}

impl Keys {
    pub(super) fn new(from: &AwsCredentialProvider) -> Self {
        Self {
            from: Arc::clone(from),
            wait: KEYS_WAIT,
        }
    }

    async fn find(&self) -> object_store::Result<Arc<AwsCredential>> {
        let found = tokio::time::timeout(self.wait, self.from.get_credential()).await;
        let why = match found {
            Ok(Ok(keys)) => return Ok(keys),
            Ok(Err(error)) => reason(&error),
            Err(_) => format!(
                "nobody who was asked for them answered within {:?}",
                self.wait
            ),
        };
        Err(object_store::Error::Unauthenticated {
            path: String::new(),
            source: Box::new(NoKeys(why)),
        })
    }
}

/// Keys are not shown.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

type Found<'f> =
    Pin<Box<dyn Future<Output = object_store::Result<Arc<AwsCredential>>> + Send + 'f>>;

impl CredentialProvider for Keys {
    type Credential = AwsCredential;

    fn get_credential<'s, 'f>(&'s self) -> Found<'f>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(self.find())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It answers never, or that it has none.
    #[derive(Debug)]
    struct Provider {
        answers: bool,
    }

    impl CredentialProvider for Provider {
        type Credential = AwsCredential;

        fn get_credential<'s, 'f>(&'s self) -> Found<'f>
        where
            's: 'f,
            Self: 'f,
        {
            Box::pin(async {
                if !self.answers {
                    std::future::pending::<()>().await;
                }
                Err(object_store::Error::NotImplemented {
                    operation: "keys".into(),
                    implementer: "a test".into(),
                })
            })
        }
    }

    fn found(answers: bool) -> String {
        let keys = Keys {
            from: Arc::new(Provider { answers }),
            wait: Duration::from_millis(1),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let error = runtime.unwrap().block_on(keys.find()).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap();
        assert!(cause.is::<NoKeys>(), "{error}");
        cause.to_string()
    }

    #[test]
    fn keys_are_not_waited_for_without_end() {
        assert!(found(false).contains("nobody who was asked"));
        assert!(found(true).contains("keys"));
    }
}
