// SPDX-License-Identifier: MIT
#include "session_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <utility>

#include "base/base64.hpp"
#include "base/format.hpp"
#include "base/json_reader.hpp"
#include "base/own_file.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"

namespace coord::chordctl {
namespace {

constexpr Duration lock_patience = std::chrono::seconds(30);        // another command of the session runs
constexpr Duration copies_answer_within = std::chrono::seconds(2);  // else one is away
constexpr std::size_t largest_file = std::size_t{4} << 20U;

Result<std::string> read_all(const Descriptor& file, const std::string& path) {
  std::string text;
  for (char part[65536];;) {
    const ssize_t got = ::read(file.get(), part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return Error{ErrorKind::unavailable, cli::shown(path), std::strerror(errno), "look at the disk"};
    if (got == 0) return text;
    text.append(part, static_cast<std::size_t>(got));
    if (text.size() > largest_file)
      return Error{ErrorKind::data, cli::shown(path), "is larger than any session", "begin with a new file"};
  }
}

bool is_at(const Descriptor& file, const std::string& path) {
  struct stat opened {
  }, named{};
  return ::fstat(file.get(), &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

Status write_all(const Descriptor& file, const std::string& path, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t put = ::write(file.get(), text.data() + at, text.size() - at);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0)
      return Error{ErrorKind::output, cli::shown(path), std::strerror(errno), "make room on the disk"};
    at += static_cast<std::size_t>(put);
  }
  return done();
}

}  // namespace

Result<SessionFile> SessionFile::open(const std::string& path, const std::string& ring) {
  for (;;) {
    auto file = open_own_file(path, O_RDWR | O_CREAT);
    if (!file) return file.error();
    if (Status locked = lock_within(*file, path, lock_patience); !locked) return locked.error();
    // Another command has put a new file in its place meanwhile.
    if (!is_at(*file, path)) continue;
    auto text = read_all(*file, path);
    if (!text) return text.error();
    SessionFile session(path, ring, std::move(*file));
    if (Status read = session.read(*text); !read) return read.error();
    return session;
  }
}

Status SessionFile::read(const std::string& text) {
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    ++number;
    std::string ring, key, key_b64, version;
    JsonReader in(line);
    const bool right = in.object([&](const std::string& name) {
      return name == "ring"      ? in.string(ring)
             : name == "key"     ? in.string(key)
             : name == "key_b64" ? in.string(key_b64)
             : name == "version" ? in.string(version)
                                 : in.skip();
    });
    const auto dot = ring::read_dot(version);
    if (!key_b64.empty()) key = from_base64(key_b64).value_or("");
    if (!right || !in.end() || !dot || key.empty() || key.size() > ring::longest_key) {
      return Error{ErrorKind::data, fmt::format("{}:{}", cli::shown(path_), number),
                   "is no line of a session", "begin with a new file"};
    }
    if (ring != ring_) {
      return Error{ErrorKind::usage, cli::shown(path_),
                   fmt::format("is a session of ring {}", cli::shown(ring)), "take one file for each ring"};
    }
    session_.add(key, *dot);
    if (session_.at_least(key).size() > ring::most_in_session)
      return Error{ErrorKind::data, cli::shown(path_), "has more versions of a key than any session",
                   "begin with a new file"};
  }
  return done();
}

Status SessionFile::shorten(Client& client) {
  if (session_.fits()) return done();
  std::map<std::string, std::vector<ring::Dot>> keys;
  for (const ring::Dependency& each : session_.all()) keys[each.key].push_back(each.dot);
  std::map<std::uint64_t, std::string> asked;
  for (auto& [key, dots] : keys) {
    const auto number = client.send(ring::AskEverywhere{ring_, key, std::move(dots), copies_answer_within});
    if (!number) return number.error();
    asked.emplace(*number, key);
  }
  while (!asked.empty()) {
    auto answered = client.receive();
    if (!answered) return answered.error();
    const auto key = asked.find(answered->request);
    if (key == asked.end()) continue;
    // Absent: of another user, and nothing of it is told to this one.
    const bool needs_no_remembering = std::holds_alternative<ring::HandedOver>(answered->answer) ||
                                      std::holds_alternative<ring::Absent>(answered->answer);
    if (!session_.fits() && needs_no_remembering) session_.forget(key->second);
    asked.erase(key);
  }
  if (session_.fits()) return done();
  return Error{ErrorKind::unavailable, cli::shown(path_),
               "too much of the session is not on all copies yet: nothing was done",
               "start the hosts that are away, or begin with a new file"};
}

SessionFile::~SessionFile() {
  if (fresh_.is_open()) ::unlink(fresh().c_str());
}

Status SessionFile::begin_saving() {
  if (fresh_.is_open()) return done();
  auto file = open_own_file(fresh(), O_WRONLY | O_CREAT | O_TRUNC);
  if (!file) return file.error();
  fresh_ = std::move(*file);
  return done();
}

Status SessionFile::save() {
  if (Status begun = begin_saving(); !begun) return begun;
  std::string text;
  for (const ring::Dependency& each : session_.all()) {
    text += cli::JsonObject()
                .text("ring", ring_)
                .name("key", each.key)
                .text("version", ring::text(each.dot))
                .line();
  }
  if (Status written = write_all(fresh_, fresh(), text); !written) return written;
  if (::rename(fresh().c_str(), path_.c_str()) != 0)
    return Error{ErrorKind::output, cli::shown(path_), std::strerror(errno), "make its directory writable"};
  fresh_.reset();
  return done();
}

}  // namespace coord::chordctl
