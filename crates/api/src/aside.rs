//! What takes long to compute, aside from the threads that answer: so that one large request does not hold up many small ones.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;

/// Room for as much of it at once as there are processors; more waits for its turn.
#[derive(Debug)]
pub struct Aside(Semaphore);

impl Default for Aside {
    fn default() -> Self {
        Self(Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)))
    }
}

impl Aside {
    /// Runs `work`, which computes, or reads the disk, and waits for nobody. Meanwhile another thread answers in the place of
    /// this one, unless the runtime has only one.
    pub async fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        // Never closed, so there is always a permit in the end.
        let _turn = self.0.acquire().await;
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::CurrentThread => work(),
            _ => tokio::task::block_in_place(work),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::time::Duration;

    use super::*;

    /// With one thread, which would never come to meet itself.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn another_thread_goes_on_meanwhile() {
        let (aside, meeting) = (Aside::default(), std::sync::Arc::new(Barrier::new(2)));
        let other = std::sync::Arc::clone(&meeting);
        let small = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            tokio::task::spawn_blocking(move || other.wait()).await.unwrap();
        });
        // On a worker, where requests run too.
        let large = tokio::spawn(async move { aside.run(move || meeting.wait()).await });
        tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(small, large) })
            .await
            .unwrap()
            .0
            .unwrap();
    }

    #[tokio::test]
    async fn a_runtime_of_one_thread_does_it_itself() {
        assert_eq!(Aside::default().run(|| 7).await, 7);
    }
}
