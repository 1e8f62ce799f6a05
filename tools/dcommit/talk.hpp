// SPDX-License-Identifier: MIT
// What dcommit says to its peer, and again after a loss of the quorum, the peer or an answer: all that it
// says may be said twice (service/commits/commits.hpp).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "agreements/messages.hpp"
#include "dcommit/settings.hpp"
#include "engine/local_connection.hpp"

namespace coord::dcommit {

// A peer that knows what dcommit says; one of release 0.1.0 does not (69).
Result<engine::LocalConnection> connect(const Settings& settings);

class Talk {
 public:
  Talk(const Settings& settings, engine::LocalConnection peer);

  // Until it is answered, refused for good, or `end` has come (none: never): then ErrorKind::unavailable, or
  // ErrorKind::unknown if it may have taken effect.
  Result<Token> order(const service::AnyOrder& what, std::optional<Instant> end);
  Result<service::CommitView> look(std::optional<Instant> end);
  // As this host's peer has it, which may be behind; asked once.
  Result<service::CommitView> look_here();
  // The view once it is decided or gone; at `end` as it is then, even if not.
  Result<service::CommitView> wait_for_outcome(std::optional<Instant> end);

  // The view once all have come, or it is decided or gone; at `end` as it is then, even if not.
  Result<service::CommitView> wait_until_all_came(std::optional<Instant> end);
  // Of this host's part in a transaction by a classical algorithm; nullopt: no answer by `end`.
  Result<std::optional<agreements::ToTool>> ask_sites(const agreements::FromTool& what,
                                                      std::optional<Instant> end);

  const std::map<std::string, std::uint64_t>& messages() const { return messages_; }
  const std::string& host() const { return host_; }
  // As it was seen last before it was decided; no name: never.
  const service::CommitView& last_open() const { return last_open_; }

 private:
  template <class Try>
  auto again_and_again(std::optional<Instant> end, Try attempt) -> decltype(attempt());
  Status reach();
  Result<local::Answer> hear(std::optional<Instant> end);
  Result<Token> try_order(const service::AnyOrder& what);
  // `enough`: whether a view is the last one that is wanted; nullptr: the first.
  using Enough = bool (*)(const service::CommitView&);
  Result<service::CommitView> try_watch(std::optional<Instant> end, Enough enough, bool stale = false);
  Result<std::optional<agreements::ToTool>> try_ask_sites(const agreements::FromTool& what,
                                                          std::optional<Instant> end);
  Error lost(const Error& why);

  const Settings& settings_;
  std::string object_, host_;
  std::optional<engine::LocalConnection> peer_;
  bool told_ = false;       // that it waits
  bool uncertain_ = false;  // the order may have been applied
  bool final_ = false;      // the refusal is for good
  std::uint64_t request_ = 0;
  std::map<std::string, std::uint64_t> messages_;  // to the group
  service::CommitView last_open_;
};

}  // namespace coord::dcommit
