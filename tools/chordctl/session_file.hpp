// SPDX-License-Identifier: MIT
// A session's file: a line of JSON for each version that was seen, of one ring.
#pragma once

#include <optional>
#include <string>

#include "base/descriptor.hpp"
#include "client.hpp"
#include "ring/session.hpp"

namespace coord::chordctl {

// Locked while it is open: commands of one session follow each other.
class SessionFile {
 public:
  // A file that is not there is a new session. ErrorKind::usage: it is of another ring; ErrorKind::data.
  static Result<SessionFile> open(const std::string& path, const std::string& ring);

  ring::Session& session() { return session_; }
  // What all copies have is forgotten, when there is too much else. ErrorKind::unavailable: it is too much
  // all the same.
  Status shorten(Client& client);
  // Before something is stored: there is a place for what there is to remember of it.
  Status begin_saving();
  // What there is for the next command: all of it or nothing of it is in the file then.
  Status save();

  SessionFile(SessionFile&&) = default;
  SessionFile& operator=(SessionFile&&) = default;
  ~SessionFile();

 private:
  SessionFile(std::string path, std::string ring, Descriptor lock)
      : path_(std::move(path)), ring_(std::move(ring)), lock_(std::move(lock)) {}
  Status read(const std::string& text);
  std::string fresh() const { return path_ + ".new"; }

  std::string path_, ring_;
  Descriptor lock_, fresh_;
  ring::Session session_;
};

}  // namespace coord::chordctl
