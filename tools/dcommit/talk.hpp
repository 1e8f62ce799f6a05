// SPDX-License-Identifier: MIT
// What dcommit says to its peer, and again after a loss of the quorum, the peer or an answer: all that it
// says may be said twice (service/commits/commits.hpp).
#pragma once

#include <optional>
#include <string>

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
  // The view once it is decided or gone; at `end` as it is then, even if not.
  Result<service::CommitView> wait_for_outcome(std::optional<Instant> end);

  const std::string& host() const { return host_; }

 private:
  template <class Try>
  auto again_and_again(std::optional<Instant> end, Try attempt) -> decltype(attempt());
  Status reach();
  Result<local::Answer> hear(std::optional<Instant> end);
  Result<Token> try_order(const service::AnyOrder& what);
  Result<service::CommitView> try_watch(std::optional<Instant> end, bool until_decided);
  Error lost(const Error& why);

  const Settings& settings_;
  std::string object_, host_;
  std::optional<engine::LocalConnection> peer_;
  bool told_ = false;       // that it waits
  bool uncertain_ = false;  // the order may have been applied
  bool final_ = false;      // the refusal is for good
  std::uint64_t request_ = 0;
};

}  // namespace coord::dcommit
