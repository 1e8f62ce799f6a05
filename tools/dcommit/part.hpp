// SPDX-License-Identifier: MIT
// This host's part in a transaction. Each step is durable before the next one begins: that it prepares,
// before --prepare; its vote, before anybody is told the outcome; and so the same line may be run again
// wherever this process, its peer or its host has ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agreements/log_of.hpp"
#include "cli/names.hpp"
#include "dcommit/log_delays.hpp"
#include "dcommit/settings.hpp"
#include "dcommit/talk.hpp"

namespace coord::dcommit {

class Part {
 public:
  Part(const Settings& settings, engine::LocalConnection peer);
  Result<cli::Exit> whole() {
    return settings_.protocol == service::CommitBy::majority ? by_log() : by_sites();
  }
  // A line of JSON, once it is over.
  std::string record();
  // The events of this host, by a classical algorithm.
  Result<agreements::WholeLog> log();

 private:
  Result<cli::Exit> by_log();    // take_part.cpp
  Result<cli::Exit> by_sites();  // by_sites.cpp

  // Of its run; an Error: it could not be begun, or was stopped.
  Result<int> run(const std::string& what, const std::string& outcome, std::optional<Instant> end) const;
  std::string run_prepare() const;  // why it cannot vote yes; empty: it can
  Status prepare();
  bool is_counted() const { return settings_.json || !settings_.report.empty(); }
  void count_delays();
  Status join(const service::DecisionSite& site);
  Result<cli::Exit> follow(const service::CommitView& view);
  // It could not be joined, but an earlier run may have been.
  Result<cli::Exit> not_joined(const Error& why);
  Result<cli::Exit> undecided(const Error& why);
  int run_until_done(const std::string& command, const char* outcome) const;
  const service::CommitParticipant* self(const service::CommitView& view) const;
  // After -w an answer has the time that a peer takes to look for a leader.
  std::optional<Instant> answered_by() const;

  // ---- by_sites.cpp
  Result<service::CommitView> until_all_came();
  Result<std::optional<agreements::DealIs>> ask(agreements::AskDeal::What what, std::optional<Instant> end);
  Result<std::optional<agreements::DealIs>> give_up();
  Result<cli::Exit> decided_by_sites(const agreements::DealIs& is, const std::string& why_not);
  Result<cli::Exit> in_doubt(const agreements::DealIs& is);
  service::CommitView with_reason(service::CommitView view);

  const Settings& settings_;
  std::string object_, id_;
  Talk talk_;
  std::uint64_t run_ = 0;
  std::optional<Instant> end_;
  Token generation_;
  service::CommitView last_seen_;
  bool voted_ = false, blocked_ = false;
  std::optional<bool> committed_;  // as its own host knows by a classical algorithm
  Costs costs_;
  std::optional<Leadership> led_;  // when it was joined
};

}  // namespace coord::dcommit
