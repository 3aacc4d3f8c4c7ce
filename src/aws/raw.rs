//! Replies and requests as they travel: for what has to be passed on whole.
//!
//! The SDK's types know the members of the day on which it was made. Whoever reads something through them and writes it
//! back loses what AWS has added since, without a word. These interceptors keep a reply's own text, and send a request's
//! own text, signed like any other.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::Value;

/// Keeps the text of the last reply. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct RawReply {
    body: Arc<Mutex<Vec<u8>>>,
}

impl RawReply {
    /// The reply as JSON; `None` before there is one, and where it is none.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body.lock().unwrap_or_else(PoisonError::into_inner)).ok()
    }
}

#[dyn_dispatch_hint]
impl Intercept for RawReply {
    fn name(&self) -> &'static str {
        "RawReply"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bytes = context.response().body().bytes().unwrap_or_default();
        bytes.clone_into(&mut self.body.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }
}

/// Sends this text as the request's body. Not printable: it may hold what an application's environment holds.
pub struct RawRequest {
    body: String,
}

impl RawRequest {
    /// The body is `json`.
    pub fn new(json: &Value) -> Self {
        Self { body: json.to_string() }
    }
}

impl std::fmt::Debug for RawRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawRequest").finish_non_exhaustive()
    }
}

#[dyn_dispatch_hint]
impl Intercept for RawRequest {
    fn name(&self) -> &'static str {
        "RawRequest"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.headers_mut().insert("content-length", self.body.len().to_string());
        *request.body_mut() = SdkBody::from(self.body.as_str());
        Ok(())
    }
}
