//! Which path leads where.

use matchit::Router;

/// What a path names. Methods other than GET and HEAD are refused before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Front,
    Certificate,
    Api,
    Document,
    QrSvg,
    QrPng,
    Product,
    Style,
    Icon,
    Schema,
    Context,
    Health,
    Ready,
    Metrics,
}

impl Route {
    /// As metrics label it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Front => "front",
            Self::Certificate => "certificate",
            Self::Api => "api",
            Self::Document => "document",
            Self::QrSvg => "qr-svg",
            Self::QrPng => "qr-png",
            Self::Product => "product",
            Self::Style => "style",
            Self::Icon => "icon",
            Self::Schema => "schema",
            Self::Context => "context",
            Self::Health => "healthz",
            Self::Ready => "readyz",
            Self::Metrics => "metrics",
        }
    }
}

/// What the operator asks, at an address of its own.
pub(crate) fn operations() -> Result<Router<Route>, matchit::InsertError> {
    let mut router = Router::new();
    router.insert("/healthz", Route::Health)?;
    router.insert("/readyz", Route::Ready)?;
    router.insert("/metrics", Route::Metrics)?;
    Ok(router)
}

/// The table of the public address. `/C/` is what QR codes say, `/c/` what people read: one route.
pub(crate) fn public(style: &str, icon: &str) -> Result<Router<Route>, matchit::InsertError> {
    let mut router = Router::new();
    router.insert("/", Route::Front)?;
    for prefix in ["/c", "/C"] {
        router.insert(format!("{prefix}/{{code}}"), Route::Certificate)?;
        router.insert(format!("{prefix}/{{code}}/document.json"), Route::Document)?;
        router.insert(format!("{prefix}/{{code}}/qr.svg"), Route::QrSvg)?;
        router.insert(format!("{prefix}/{{code}}/qr.png"), Route::QrPng)?;
    }
    router.insert("/api/v1/certificates/{code}", Route::Api)?;
    router.insert("/01/{*link}", Route::Product)?;
    router.insert("/schemas/certificate/v1.json", Route::Schema)?;
    router.insert("/ns/certificate/v1", Route::Context)?;
    router.insert("/healthz", Route::Health)?;
    router.insert("/readyz", Route::Ready)?;
    router.insert(style, Route::Style)?;
    router.insert(icon, Route::Icon)?;
    Ok(router)
}
