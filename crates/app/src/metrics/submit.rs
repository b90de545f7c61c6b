//! What came of submissions, in every profile.

use hiscore_api::service::{Accepted, Rejected, Trouble};
use hiscore_score::Outcome;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::Labels;

/// Submissions by outcome.
#[derive(Debug, Clone)]
pub struct SubmitMetrics {
    submissions: Family<Labels, Counter>,
}

impl SubmitMetrics {
    /// Registers them.
    pub fn new(registry: &mut Registry) -> Self {
        let submissions = Family::<Labels, Counter>::default();
        registry.register(
            "hiscore_submissions",
            "Submissions by outcome; logged: acknowledged before they were judged",
            submissions.clone(),
        );
        Self { submissions }
    }

    /// What came of submissions.
    pub fn submitted(&self, results: &[Result<Accepted, Rejected>]) {
        let (mut improved, mut unchanged, mut duplicate, mut logged) = (0, 0, 0, 0);
        let (mut refused, mut trouble) = (0, 0);
        for result in results {
            *match result {
                Ok(Accepted { outcome: Some(Outcome::Improved), .. }) => &mut improved,
                Ok(Accepted { outcome: Some(Outcome::Unchanged), .. }) => &mut unchanged,
                Ok(Accepted { outcome: Some(Outcome::Duplicate), .. }) => &mut duplicate,
                Ok(Accepted { outcome: None, .. }) => &mut logged,
                Err(Rejected::Refused(_)) => &mut refused,
                Err(Rejected::Trouble(
                    Trouble::Unavailable(_) | Trouble::Ambiguous(_) | Trouble::Internal(_),
                )) => &mut trouble,
            } += 1;
        }
        for (outcome, count) in [
            ("improved", improved),
            ("unchanged", unchanged),
            ("duplicate", duplicate),
            ("logged", logged),
            ("refused", refused),
            ("trouble", trouble),
        ] {
            if count != 0 {
                self.submissions.get_or_create(&[("outcome", outcome)]).inc_by(count);
            }
        }
    }
}
