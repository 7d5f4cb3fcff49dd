//! A stream made of a state and a step: pulled by the peer's flow control, so that a slow reader holds
//! one answer in memory and no queue.

use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tokio_stream::Stream;

/// The stream whose items `step` makes, one after the other, until it makes none.
pub(super) fn unfold<T, I, F, Fut>(state: T, step: F) -> Unfold<T, F, Fut>
where
    F: FnMut(T) -> Fut,
    Fut: Future<Output = Option<(I, T)>>,
{
    Unfold { state: Some(state), step, under_way: Box::pin(None) }
}

/// Made by [`unfold`].
pub(super) struct Unfold<T, F, Fut> {
    /// There while no step is under way.
    state: Option<T>,
    step: F,
    under_way: Pin<Box<Option<Fut>>>,
}

impl<T, I, F, Fut> Stream for Unfold<T, F, Fut>
where
    T: Unpin,
    F: FnMut(T) -> Fut + Unpin,
    Fut: Future<Output = Option<(I, T)>>,
{
    type Item = I;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<I>> {
        let this = &mut *self;
        if let Some(state) = this.state.take() {
            this.under_way.as_mut().set(Some((this.step)(state)));
        }
        let Some(step) = this.under_way.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let Poll::Ready(made) = step.poll(context) else {
            return Poll::Pending;
        };
        this.under_way.as_mut().set(None);
        Poll::Ready(made.map(|(item, state)| {
            this.state = Some(state);
            item
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_stream::StreamExt as _;

    #[tokio::test]
    async fn items_come_in_order_and_the_end_stays_the_end() {
        let mut stream = Box::pin(unfold(0, |count: u32| async move {
            tokio::task::yield_now().await;
            (count < 3).then_some((count, count + 1))
        }));
        assert_eq!(stream.next().await, Some(0));
        assert_eq!(stream.next().await, Some(1));
        assert_eq!(stream.next().await, Some(2));
        assert_eq!(stream.next().await, None);
        assert_eq!(stream.next().await, None);
    }
}
