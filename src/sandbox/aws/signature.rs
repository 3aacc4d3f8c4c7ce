//! Who signs a call, and for what.
//!
//! The stand-in reads the signature's credential scope as AWS does and refuses a call that is signed for another
//! service or region. It does not compute the signature: it does not know the caller's secret key.

use axum::http::HeaderMap;

use super::refusal::Refusal;

/// What an `Authorization` header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) access_key: String,
    pub(super) session_token: Option<String>,
    region: String,
    service: String,
}

/// Reads the signature version 4 of a call.
pub(super) fn read(headers: &HeaderMap) -> Result<Signature, Refusal> {
    let missing = |message: &str| Refusal::new("MissingAuthenticationTokenException", message).with_status(403);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = header("authorization").ok_or_else(|| missing("Missing Authentication Token"))?;
    let malformed = || missing("The Authorization header is not an AWS4-HMAC-SHA256 signature.");
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ").ok_or_else(malformed)?;
    let field = |name: &str| {
        fields.split(',').find_map(|field| field.trim().strip_prefix(name).and_then(|rest| rest.strip_prefix('=')))
    };
    let signature = field("Signature").ok_or_else(malformed)?;
    if signature.len() != 64 || hex::decode(signature).is_err() {
        return Err(malformed());
    }
    let signed: Vec<&str> = field("SignedHeaders").ok_or_else(malformed)?.split(';').collect();
    if !signed.contains(&"host") || !signed.contains(&"x-amz-date") {
        return Err(malformed());
    }
    let date = header("x-amz-date").ok_or_else(malformed)?;
    let scope: Vec<&str> = field("Credential").ok_or_else(malformed)?.split('/').collect();
    let [access_key, day, region, service, "aws4_request"] = *scope.as_slice() else {
        return Err(malformed());
    };
    if access_key.is_empty() || !date.starts_with(day) {
        return Err(malformed());
    }
    Ok(Signature {
        access_key: access_key.to_owned(),
        session_token: header("x-amz-security-token").map(str::to_owned),
        region: region.to_owned(),
        service: service.to_owned(),
    })
}

impl Signature {
    /// Whether it was made for this service.
    pub(super) fn is_for(&self, service: &str) -> bool {
        self.service == service
    }

    /// Refuses a signature that was made for another service or region.
    pub(super) fn must_be_for(&self, service: &str, region: &str) -> Result<(), Refusal> {
        let wrong = |message: String| Err(Refusal::new("SignatureDoesNotMatch", message).with_status(403));
        if self.service != service {
            return wrong(format!("Credential should be scoped to correct service: '{service}'."));
        }
        if self.region != region {
            return wrong(format!("Credential should be scoped to a valid region, not '{}'.", self.region));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", authorization.parse().unwrap());
        headers.insert("x-amz-date", "20261101T120000Z".parse().unwrap());
        headers
    }

    #[test]
    fn a_signature_is_good_for_its_own_service_and_region_only() {
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261101/eu-north-1/ecs/aws4_request, SignedHeaders=host;x-amz-date, Signature={}",
            "0".repeat(64)
        );
        let signature = read(&headers(&signature)).unwrap();
        assert_eq!(signature.access_key, "AKIDEXAMPLE");
        assert!(signature.must_be_for("ecs", "eu-north-1").is_ok());
        assert_eq!(signature.must_be_for("ecr", "eu-north-1").unwrap_err().code, "SignatureDoesNotMatch");
        assert_eq!(signature.must_be_for("ecs", "eu-west-1").unwrap_err().code, "SignatureDoesNotMatch");
    }

    #[test]
    fn a_missing_or_malformed_signature_is_no_signature() {
        for refusal in
            [read(&HeaderMap::new()), read(&headers("Bearer x")), read(&headers("AWS4-HMAC-SHA256 Credential=a"))]
        {
            let refusal = refusal.unwrap_err();
            assert_eq!((refusal.code, refusal.status), ("MissingAuthenticationTokenException", 403));
        }
    }
}
