//! Objects behind URLs: where S3 is, and how long is waited for a server.
//!
//! Beside each row, the way to read it. Keys and secrets are no settings: settings are told to programs, sent and listed.

use std::time::Duration;

use super::{Definition, Settings, Shape};

/// The rows, sorted by key.
pub(super) const ROWS: &[Definition] = &[
    Definition::spark(
        "hadoop.fs.s3a.endpoint",
        Shape::Text,
        None,
        "The URL of a store that speaks S3, such as `http://127.0.0.1:9000`. Without it, `AWS_ENDPOINT_URL` of the \
         environment, else Amazon's. A program cannot set it.",
    ),
    Definition::spark(
        "hadoop.fs.s3a.endpoint.region",
        Shape::Text,
        None,
        "The region of the buckets. Without it, `AWS_REGION` of the environment, else `us-east-1`. A program cannot set \
         it.",
    ),
    Definition::ours(
        "objects.maxRetries",
        Shape::Count { least: 0 },
        Some("4"),
        "How often a request to an S3 or HTTP server is made again when the server is busy or does not answer, at growing \
         distances, before the task fails.",
    ),
    Definition::ours(
        "objects.timeout",
        Shape::Time,
        Some("30s"),
        "How long one request to an S3 or HTTP server may take, to the end of its answer. A plain number counts seconds.",
    ),
];

impl Settings {
    /// Whether a program may not set `key`: with it, one without a network could have its host talk to any server.
    pub fn is_submitters(key: &str) -> bool {
        let plain = key.strip_prefix("spark.").unwrap_or(key);
        plain.starts_with("hadoop.fs.s3a.")
    }

    /// `hadoop.fs.s3a.endpoint`: where S3 is, if that was said.
    pub fn s3_endpoint(&self) -> Option<&str> {
        self.text("hadoop.fs.s3a.endpoint")
    }

    /// `hadoop.fs.s3a.endpoint.region`: the region of the buckets, if that was said.
    pub fn s3_region(&self) -> Option<&str> {
        self.text("hadoop.fs.s3a.endpoint.region")
    }

    /// `objects.maxRetries`: how often a request is made again.
    pub fn objects_max_retries(&self) -> u32 {
        self.count("objects.maxRetries").unwrap_or_default()
    }

    /// `objects.timeout`: how long one request may take.
    pub fn objects_timeout(&self) -> Duration {
        self.time("objects.timeout").unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_getter_reads_its_default() {
        let settings = Settings::default();
        assert_eq!(settings.s3_endpoint(), None);
        assert_eq!(settings.s3_region(), None);
        assert_eq!(settings.objects_max_retries(), 4);
        assert_eq!(settings.objects_timeout(), Duration::from_secs(30));
    }

    #[test]
    fn where_s3_is_belongs_to_the_submitter() {
        assert!(Settings::is_submitters("spark.hadoop.fs.s3a.endpoint"));
        assert!(Settings::is_submitters("hadoop.fs.s3a.endpoint.region"));
        assert!(!Settings::is_submitters("task.maxFailures"));
    }
}
