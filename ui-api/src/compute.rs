//! Work that takes long without waiting for anything.

use crate::error::ApiError;

/// Runs the work beside the async threads, which serve spans that arrive while a large answer is written.
///
/// # Errors
/// When the work panicked.
pub(crate) async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|problem| {
        tracing::error!(error = %problem, "an answer could not be made");
        ApiError::Internal
    })
}
