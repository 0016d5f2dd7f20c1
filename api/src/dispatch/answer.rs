//! The body of a claim's answer, which gives the jobs back when it is never sent.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use http_body::{Frame, SizeHint};
use serde::Serialize;

use super::Offer;
use crate::ApiError;

/// What a job without much to its parameters needs.
const USUAL_BYTES: usize = 768;

/// A body that takes its jobs as delivered when the connection asks for its bytes.
struct Answer {
    bytes: Option<Bytes>,
    offer: Offer,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = self.bytes.take();
        self.offer.delivered();
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// Answers with the given JSON, and with the offer's jobs in its custody until it is sent.
pub(crate) fn answer(offer: Offer, json: &impl Serialize) -> Result<Response, ApiError> {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut bytes, json).map_err(|error| {
        tracing::error!(%error, "a claim can't be serialised");
        ApiError::Internal
    })?;
    let body = Body::new(Answer {
        bytes: Some(bytes.into()),
        offer,
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}
