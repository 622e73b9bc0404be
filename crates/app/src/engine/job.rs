//! Work that takes longer than a frame.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// A future that is asked once a frame whether it is done. Nothing wakes it: the frame is its clock, in the window and in the
/// page alike.
pub struct Job<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
}

impl<T> Job<T> {
    /// Begins with the first [`Job::poll`].
    pub fn new(future: impl Future<Output = T> + 'static) -> Self {
        Self { future: Box::pin(future) }
    }

    /// What came of it, once it is done. A job that is done is not asked again.
    pub fn poll(&mut self) -> Option<T> {
        match self.future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }
}

impl<T> std::fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_done_in_the_frame_in_which_it_is_done() {
        let mut left = 2;
        let mut job = Job::new(std::future::poll_fn(move |_| {
            left -= 1;
            if left == 0 { Poll::Ready(7) } else { Poll::Pending }
        }));
        assert_eq!(job.poll(), None);
        assert_eq!(job.poll(), Some(7));
    }
}
