//! line: signalling between the two processes, over the answerer's pipes: 4 bytes of length, then the text.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Child, Command, Stdio};

/// The last argument of an answerer.
pub const ANSWER: &str = "--answer";

/// Not buffered: what is readable has to be seen by poll().
pub struct Line {
    from: File,
    to: File,
}

impl Line {
    /// The answerer's end.
    pub fn to_offerer() -> Line {
        let own = |fd: BorrowedFd| File::from(fd.try_clone_to_owned().expect("the line"));
        Line { from: own(std::io::stdin().as_fd()), to: own(std::io::stdout().as_fd()) }
    }

    /// Starts the answerer, which does the same work. Its command begins with the words of PEER_EXEC.
    pub fn to_answerer() -> (Line, Child) {
        let place = std::env::var("PEER_EXEC").unwrap_or_default();
        let program = std::env::current_exe().expect("the name of this program");
        let mut words = place.split_whitespace().map(OsString::from).chain([program.into_os_string()]);
        let mut child = Command::new(words.next().expect("a program"))
            .args(words)
            .args(std::env::args().skip(1))
            .arg(ANSWER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the answerer");
        let from = child.stdout.take().expect("a pipe");
        let to = child.stdin.take().expect("a pipe");
        (Line { from: File::from(std::os::fd::OwnedFd::from(from)), to: File::from(std::os::fd::OwnedFd::from(to)) }, child)
    }

    pub fn say(&mut self, text: &str) {
        let length = u32::try_from(text.len()).expect("a short text");
        self.to.write_all(&length.to_ne_bytes()).expect("the other end");
        self.to.write_all(text.as_bytes()).expect("the other end");
    }

    /// None when the other end has gone.
    pub fn hear(&mut self) -> Option<String> {
        let mut length = [0; 4];
        self.from.read_exact(&mut length).ok()?;
        let mut text = vec![0; u32::from_ne_bytes(length) as usize];
        self.from.read_exact(&mut text).ok()?;
        String::from_utf8(text).ok()
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.from.as_fd()
    }
}
