// SPDX-License-Identifier: MIT
#include "session_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>
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
constexpr Duration copies_answer_soon = std::chrono::milliseconds(300);
constexpr std::size_t largest_file = std::size_t{4} << 20U;
constexpr std::size_t asked_at_once = 256;  // keys

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
    // The last write has added one.
    session.shortened_at_ = std::max<std::size_t>(session.session_.all().size(), 1) - 1;
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
    std::string ring, key, key_b64, by, by_b64, version;
    JsonReader in(line);
    const bool right = in.object([&](const std::string& name) {
      return name == "ring"      ? in.string(ring)
             : name == "key"     ? in.string(key)
             : name == "key_b64" ? in.string(key_b64)
             : name == "by"      ? in.string(by)
             : name == "by_b64"  ? in.string(by_b64)
             : name == "version" ? in.string(version)
                                 : in.skip();
    });
    const auto dot = ring::read_dot(version);
    if (!key_b64.empty()) key = from_base64(key_b64).value_or("");
    if (!by_b64.empty()) by = from_base64(by_b64).value_or("");
    if (!right || !in.end() || !dot || key.empty() || std::max(key.size(), by.size()) > ring::longest_key) {
      return Error{ErrorKind::data, fmt::format("{}:{}", cli::shown(path_), number),
                   "is no line of a session", "begin with a new file"};
    }
    if (ring != ring_) {
      return Error{ErrorKind::usage, cli::shown(path_),
                   fmt::format("is a session of ring {}", cli::shown(ring)), "take one file for each ring"};
    }
    by.empty() ? session_.add(key, *dot) : session_.add_carried(by, {key, *dot});
    if (session_.at_least(key).size() > ring::most_in_session)
      return Error{ErrorKind::data, cli::shown(path_), "has more versions of a key than any session",
                   "begin with a new file"};
  }
  return done();
}

Status SessionFile::shorten(Client& client, Duration patience) {
  std::map<std::string, std::vector<ring::Dot>> keys;
  for (const ring::Dependency& each : session_.all()) keys[each.key].push_back(each.dot);
  std::map<std::uint64_t, std::string> asked;
  for (auto& [key, dots] : keys) {
    const auto number = client.send(ring::AskEverywhere{ring_, key, std::move(dots), patience});
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
    if (needs_no_remembering) session_.forget(key->second);
    asked.erase(key);
  }
  return done();
}

// While a host is away it costs time and helps little: so not before there are twice as many.
Status SessionFile::shorten_if_it_grows(Client& client) {
  const std::size_t size = session_.all().size();
  const auto times = [](std::size_t count) { return std::bit_width(std::max<std::size_t>(count, 1) - 1); };
  if (size > ring::most_dependencies && times(size) > times(shortened_at_)) {
    const Duration patience = size > ring::most_in_session / 2 ? copies_answer_within : copies_answer_soon;
    if (Status shortened = shorten(client, patience); !shortened) return shortened;
    shortened_at_ = session_.all().size();
  }
  if (session_.all().size() <= ring::most_in_session) return done();
  return too_much();
}

// A copy that has the versions says what these carry. Its value is not asked for: it begins behind its end.
Status SessionFile::follow(Client& client) {
  for (auto keys = session_.to_follow(); !keys.empty(); keys = session_.to_follow()) {
    if (Status fits = shorten_if_it_grows(client); !fits) return fits;
    keys = session_.to_follow();
    keys.resize(std::min(keys.size(), asked_at_once));
    std::map<std::uint64_t, std::string> asked;
    for (const std::string& key : keys) {
      const auto number = client.send(ring::Request(ring::Get{ring_,
                                                              key,
                                                              {},
                                                              ring::largest_value,
                                                              {},
                                                              ring::Consistency::causal,
                                                              {session_.at_least(key), {}},
                                                              {}}));
      if (!number) return number.error();
      asked.emplace(*number, key);
    }
    while (!asked.empty()) {
      auto answered = client.receive();
      if (!answered) return answered.error();
      const auto key = asked.find(answered->request);
      if (key == asked.end()) continue;
      if (const auto* found = std::get_if<ring::Found>(&answered->answer)) {
        session_.read(key->second, *found);
      } else if (std::holds_alternative<ring::Absent>(answered->answer)) {
        session_.read_nothing(key->second);
      } else if (const auto* too_few = std::get_if<ring::NoQuorum>(&answered->answer)) {
        return Error{ErrorKind::unavailable, cli::shown(key->second),
                     fmt::format("dependencies of the session cannot be read: {}", too_few->text),
                     "try again, or start the hosts that are away"};
      } else {
        return Error{ErrorKind::unavailable, cli::shown(key->second), "the peer cannot read it", "try again"};
      }
      asked.erase(key);
    }
  }
  return done();
}

Error SessionFile::too_much() const {
  return {ErrorKind::unavailable, cli::shown(path_),
          "too much of the session is not on all copies yet: nothing was done",
          "start the hosts that are away, or begin with a new file"};
}

// Of what it takes the place of the session learns first what that carries: so the new version says it.
Result<ring::Past> SessionFile::before_write(Client& client, const std::string& key) {
  auto known = client.ask(ring::Get{
      ring_, key, {}, ring::largest_value, {}, ring::Consistency::causal, {session_.at_least(key), {}}, {}});
  if (!known) return known.error();
  if (const auto* found = std::get_if<ring::Found>(&*known)) session_.read(key, *found);
  if (Status followed = follow(client); !followed) return followed.error();
  if (Status fits = shorten_if_it_grows(client); !fits) return fits.error();
  if (!ring::fits_one_version(session_.nearest(key))) {
    if (Status shortened = shorten(client, copies_answer_within); !shortened) return shortened.error();
    if (!ring::fits_one_version(session_.nearest(key))) return too_much();
  }
  if (Status begun = begin_saving(); !begun) return begun.error();
  return ring::Past{session_.at_least(key), session_.nearest(key)};
}

Status SessionFile::has_read(Client& client, const std::string& key, const ring::Found& found) {
  session_.read(key, found);
  if (Status followed = follow(client); !followed) return followed;
  if (Status fits = shorten_if_it_grows(client); !fits) return fits;
  return save();
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
  std::set<std::string> keys;
  for (const ring::Dependency& each : session_.all()) {
    keys.insert(each.key);
    text += cli::JsonObject()
                .text("ring", ring_)
                .name("key", each.key)
                .text("version", ring::text(each.dot))
                .line();
  }
  // What it does not know to be carried, a value carries again: it may say less than all.
  for (const std::string& by : keys) {
    for (const ring::Dependency& each : session_.carried_by(by)) {
      if (text.size() > largest_file / 2 || !keys.contains(each.key)) continue;
      text += cli::JsonObject()
                  .text("ring", ring_)
                  .name("key", each.key)
                  .text("version", ring::text(each.dot))
                  .name("by", by)
                  .line();
    }
  }
  if (Status written = write_all(fresh_, fresh(), text); !written) return written;
  if (::rename(fresh().c_str(), path_.c_str()) != 0)
    return Error{ErrorKind::output, cli::shown(path_), std::strerror(errno), "make its directory writable"};
  fresh_.reset();
  return done();
}

}  // namespace coord::chordctl
