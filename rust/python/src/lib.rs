//! The extension module `irqtrace._core`: converts, delegates and maps errors.
#[pyo3::pymodule]
mod _core {}
