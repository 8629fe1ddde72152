//! Answers in small pieces: a large one is compressed a little at a time, between the work of others.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::response::Response;
use hyper::body::{Body as _, Frame, SizeHint};

/// Compressing so much takes about a millisecond. Smaller answers stay whole.
const PIECE_BYTES: usize = 32 * 1024;

/// A body whose frames are cut into pieces.
struct Pieces {
    inner: Body,
    /// What is left of the current frame.
    rest: Bytes,
    /// Whether others are let in before the next piece.
    is_resting: bool,
}

/// Cuts the body of a large answer into pieces.
pub async fn cut(response: Response) -> Response {
    let is_small = response.body().size_hint().upper().is_some_and(|upper| upper <= PIECE_BYTES as u64);
    if is_small {
        return response;
    }
    response.map(|inner| Body::new(Pieces { inner, rest: Bytes::new(), is_resting: false }))
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if this.is_resting {
            this.is_resting = false;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if this.rest.is_empty() {
            match Pin::new(&mut this.inner).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if data.len() > PIECE_BYTES => this.rest = data,
                    Ok(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                outcome => return outcome,
            }
        }
        let piece = this.rest.split_to(this.rest.len().min(PIECE_BYTES));
        this.is_resting = true;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.inner.size_hint(), self.rest.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;

    use super::*;

    #[tokio::test]
    async fn a_large_answer_lets_others_in_between_its_pieces() {
        let whole = vec![7; 10 * PIECE_BYTES + 1];
        let mut body = pin!(cut(Response::new(Body::from(whole.clone()))).await.into_body());
        assert_eq!(body.size_hint().exact(), Some(whole.len() as u64));
        let (mut n_rests, mut read) = (0, Vec::new());
        let mut cx = Context::from_waker(Waker::noop());
        while !body.is_end_stream() {
            match body.as_mut().poll_frame(&mut cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let data = frame.into_data().unwrap();
                    assert!(data.len() <= PIECE_BYTES);
                    read.extend_from_slice(&data);
                    assert_eq!(body.size_hint().exact(), Some((whole.len() - read.len()) as u64));
                }
                Poll::Pending => n_rests += 1,
                Poll::Ready(other) => panic!("{other:?}"),
            }
        }
        assert_eq!((read, n_rests), (whole, 10));
    }

    #[tokio::test]
    async fn a_small_answer_stays_whole() {
        let mut body = pin!(cut(Response::new(Body::from("small"))).await.into_body());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(
            matches!(body.as_mut().poll_frame(&mut cx), Poll::Ready(Some(Ok(frame))) if frame.data_ref().is_some_and(|data| &data[..] == b"small"))
        );
    }
}
