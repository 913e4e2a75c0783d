mod differential;
mod edges;
pub(crate) mod generate;
pub(crate) mod loose;
pub(crate) mod rebuild;
