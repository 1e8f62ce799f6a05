// SPDX-License-Identifier: MIT
// A session's file: a line of JSON for each version that was seen, of one ring, and (with `by`) one for each
// that another key's version carries.
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
  // Before a key is written: what its new version follows.
  Result<ring::Past> before_write(Client& client, const std::string& key);
  // After a read: what is told of it, and of all that this leads to, until all is known. It is waited for as
  // for other reads.
  Status has_read(Client& client, const std::string& key, const ring::Found& found);
  // What there is for the next command: all of it or nothing of it is in the file then.
  Status save();

  SessionFile(SessionFile&&) = default;
  SessionFile& operator=(SessionFile&&) = default;
  ~SessionFile();

 private:
  SessionFile(std::string path, std::string ring, Descriptor lock)
      : path_(std::move(path)), ring_(std::move(ring)), lock_(std::move(lock)) {}
  Status read(const std::string& text);
  Status follow(Client& client);
  // What all copies have is forgotten.
  Status shorten(Client& client, Duration patience);
  // Now and then, and where it must be.
  Status shorten_if_it_grows(Client& client);
  // Before something is stored: there is a place for what there is to remember of it.
  Status begin_saving();
  Error too_much() const;
  std::string fresh() const { return path_ + ".new"; }

  std::string path_, ring_;
  Descriptor lock_, fresh_;
  ring::Session session_;
  std::size_t shortened_at_ = 0;  // so many versions there were
};

}  // namespace coord::chordctl
