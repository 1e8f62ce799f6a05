// SPDX-License-Identifier: MIT
// A conversation with the ring's part of this host's peer.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/time.hpp"
#include "cli/exit_status.hpp"
#include "engine/local_connection.hpp"
#include "ring/answers.hpp"
#include "service/families.hpp"
#include "verbs.hpp"

namespace coord::chordctl {

// How long an answer may take.
struct Patience {
  bool no_wait = false;          // -n
  std::optional<Duration> wait;  // -w
};
void add_patience(cli::Options& verb, Patience& target);

// Where the group's hosts are, by their names.
class Addresses {
 public:
  explicit Addresses(std::map<std::string, std::string> all) : all_(std::move(all)) {}
  std::string of(const std::string& host) const {
    const auto found = all_.find(host);
    return found == all_.end() ? "" : found->second;
  }

 private:
  std::map<std::string, std::string> all_;
};

class Client {
 public:
  static Result<Client> open(const Common& common, const Patience& patience = {});

  // A request's number. A value that is longer than one message goes in several.
  Result<std::uint64_t> send(ring::Request request);
  Result<std::uint64_t> send(ring::Put put, std::string_view value);

  // The next answer, of whichever request; ErrorKind::unavailable: there is none in time,
  // or the peer is gone.
  struct Answered {
    std::uint64_t request = 0;
    ring::Answer answer;
  };
  Result<Answered> receive();

  // Pauses before it asks anew; false: so much is not left of its time.
  bool pause(Duration time) const;

  // From now on a wait for an answer ends this program once nobody reads its output any more.
  void end_unread() { ends_unread_ = true; }

  // One request and its answer. `writes`: one that is lost may have taken effect (ErrorKind::unknown).
  Result<ring::Answer> ask(ring::Request request);

  // `@/x` as this user's own key; the peer says which user that is. Any other key stays as it is.
  Status expand_own(const std::string& ring, std::string& key);

  Result<std::vector<local::PeerRecord>> peers();
  Result<Addresses> addresses();

  // ---- of the replicated service
  // `stale`: as this host knows it, also without a majority of the group.
  Result<service::RingView> view(const std::string& ring, bool stale = false);
  struct Ordered {
    bool done = false;
    std::string why;
    Token number;
    bool may_be_done_later = false;  // refused for what others hold or do
    bool is_late = false;            // and nothing is left of the time for it
  };
  Result<Ordered> order(service::AnyOrder what);

 private:
  Client(engine::LocalConnection peer, std::optional<Instant> until, std::optional<Instant> part_until)
      : peer_(std::move(peer)), until_(until), part_until_(part_until) {}
  // The part answers before this tool has to end, and says how far it came.
  std::optional<Duration> patience() const;
  Result<std::optional<local::Answer>> wait();
  Status say(std::uint64_t request, const ring::Request& what);

  engine::LocalConnection peer_;
  std::optional<Instant> until_;
  std::optional<Instant> part_until_;
  std::uint64_t last_ = 0;
  bool ends_unread_ = false;
  bool told_ = false;  // that it waits
};

Error unexpected_answer();
// A key as the command line gives it (ErrorKind::usage), and the name of a ring.
Status check_key(const std::string& key);
// A version as it is printed.
Result<std::vector<ring::Dot>> read_versions(const std::string& list);

// How far a write has come.
std::string text(const ring::Partly& partly);
// Of a write that was sent and not answered.
Error may_be_stored(const Error& error, const std::string& key);
// What a refusal means to the user; `key` is what it was about.
Error refused(const ring::Refused& refusal, const std::string& key);
cli::Exit status_of(const ring::Refused& refusal);

}  // namespace coord::chordctl
