//! A selected place among many, of which a page is on the screen.

/// A selected place and the first place on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) at: usize,
    pub(crate) top: usize,
}

impl Cursor {
    /// Selects a place, and scrolls as little as brings it on a screen of `page` places and leaves no room unused.
    pub(crate) fn select(&mut self, at: usize, len: usize, page: usize) {
        let page = page.max(1);
        self.at = at.min(len.saturating_sub(1));
        self.top = self.top.clamp((self.at + 1).saturating_sub(page), self.at).min(len.saturating_sub(page));
    }

    /// Scrolls to where the selected place is on the screen.
    pub(crate) fn keep_in_sight(&mut self, len: usize, page: usize) {
        self.select(self.at, len, page);
    }

    /// Moves the screen over the places, whatever is selected.
    pub(crate) fn scroll(&mut self, by: isize, len: usize, page: usize) {
        self.top = self.top.saturating_add_signed(by).min(len.saturating_sub(page.max(1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_scrolls_as_little_as_it_must() {
        let mut cursor = Cursor { at: 5, top: 3 };
        cursor.select(8, 100, 5);
        assert_eq!(cursor, Cursor { at: 8, top: 4 });
        cursor.select(4, 100, 5);
        assert_eq!(cursor, Cursor { at: 4, top: 4 });
        cursor.select(99, 100, 5);
        assert_eq!(cursor, Cursor { at: 99, top: 95 });
        cursor.select(500, 3, 5);
        assert_eq!(cursor, Cursor { at: 2, top: 0 });
        cursor.select(1, 0, 5);
        assert_eq!(cursor, Cursor::default());
    }

    #[test]
    fn a_wheel_scrolls_no_further_than_to_the_last_page() {
        let mut cursor = Cursor::default();
        cursor.scroll(1_000, 100, 10);
        assert_eq!(cursor, Cursor { at: 0, top: 90 });
        cursor.scroll(-1_000, 100, 10);
        assert_eq!(cursor, Cursor::default());
    }
}
