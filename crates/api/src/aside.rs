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
    /// Runs `work`, which computes, or reads the disk, and waits for nobody. If there is `much` of it, another thread answers
    /// in the place of this one meanwhile, unless the runtime has only one.
    pub async fn run_if<T>(&self, much: bool, work: impl FnOnce() -> T) -> T {
        if !much {
            return work();
        }
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
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// One that answers is run while another works: with one thread, only if that thread hands on what it has to do.
    #[test]
    fn another_thread_goes_on_meanwhile() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let met = |much: bool| {
            let (meet, meeting) = mpsc::channel();
            let wait = if much { Duration::from_secs(30) } else { Duration::from_millis(200) };
            let large = runtime.spawn(async move {
                tokio::spawn(async move { meet.send(()) });
                Aside::default().run_if(much, move || meeting.recv_timeout(wait)).await
            });
            runtime.block_on(large).unwrap().is_ok()
        };
        assert!(met(true));
        assert!(!met(false), "there is only one thread");
    }

    #[tokio::test]
    async fn a_runtime_of_one_thread_does_it_itself() {
        assert_eq!(Aside::default().run_if(true, || 7).await, 7);
    }
}
