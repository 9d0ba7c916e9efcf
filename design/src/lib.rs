//! What the pages of verifier and portal share, so that they look alike: the stylesheet and the icon. System fonts only,
//! no scripts.

/// The stylesheet of every page.
pub const STYLE: &str = include_str!("../assets/style.css");

/// The icon, as SVG.
pub const ICON: &str = include_str!("../assets/icon.svg");
