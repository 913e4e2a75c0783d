//! Which attributes a span has, in which order.

/// The attributes of a span in the order received: a list of attribute columns and places in the residual.
///
/// Spans from one place in a program have the same shape, so there are few: they are interned. Encoded as one LEB128
/// number an item: 0 stands for the next residual attribute, n + 1 for attribute column n.
#[derive(Debug, Default)]
pub(in super::super) struct Shape(Vec<u8>);

/// One attribute of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum ShapeItem {
    /// The next of the row's residual attributes.
    Residual,
    /// The row's value in the attribute column of this index.
    Column(usize),
}

impl ShapeItem {
    /// The byte that it is encoded as, if it is one.
    pub(in super::super) fn byte(self) -> Option<u8> {
        let number = match self {
            Self::Residual => 0,
            Self::Column(index) => index + 1,
        };
        u8::try_from(number).ok().filter(|byte| *byte < 0x80)
    }
}

impl Shape {
    /// Becomes the shape of these encoded items.
    pub(in super::super) fn set(&mut self, encoded: &[u8]) {
        self.0.clear();
        self.0.extend_from_slice(encoded);
    }

    pub(in super::super) fn push(&mut self, item: ShapeItem) {
        let mut number = match item {
            ShapeItem::Residual => 0,
            ShapeItem::Column(index) => index as u64 + 1,
        };
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// Becomes the shape of encoded items, each of which `map` changes.
    pub(in super::super) fn set_mapped(&mut self, encoded: &[u8], map: impl FnMut(ShapeItem) -> ShapeItem) {
        self.0.clear();
        Self::items(encoded).map(map).for_each(|item| self.push(item));
    }

    pub(in super::super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The items of an encoded shape; a torn last item is left out.
    pub(in super::super) fn items(mut encoded: &[u8]) -> impl Iterator<Item = ShapeItem> {
        std::iter::from_fn(move || {
            let (mut number, mut shift) = (0u64, 0);
            loop {
                let (&byte, rest) = encoded.split_first()?;
                encoded = rest;
                number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or_default();
                if byte < 0x80 {
                    break;
                }
                shift += 7;
            }
            Some(number.checked_sub(1).map_or(ShapeItem::Residual, |index| ShapeItem::Column(index as usize)))
        })
    }
}
