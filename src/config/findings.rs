//! What a configuration's own checks found wrong.

/// Problems by key, in the order they were found.
#[derive(Debug, Default)]
pub struct Findings(Vec<(String, String)>);

impl Findings {
    /// The value of `key` is wrong; `problem` says what is allowed.
    pub fn add(&mut self, key: impl Into<String>, problem: impl Into<String>) {
        self.0.push((key.into(), problem.into()));
    }

    /// The value of `key` must be at least one.
    pub fn at_least_one(&mut self, key: impl Into<String>, value: usize) {
        if value == 0 {
            self.add(key, "at least 1 is expected");
        }
    }

    /// The span at `key` must not be zero.
    pub fn not_zero(&mut self, key: impl Into<String>, span: std::time::Duration) {
        if span.is_zero() {
            self.add(key, "more than zero is expected");
        }
    }
}

impl IntoIterator for Findings {
    type Item = (String, String);
    type IntoIter = std::vec::IntoIter<(String, String)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
