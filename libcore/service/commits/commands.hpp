// SPDX-License-Identifier: MIT
// What is said of transactions on several hosts, by commands and by tools.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "service/decision_site.hpp"

namespace coord::service {

enum class CommitVote : std::uint8_t { none, yes, no };
constexpr const char* name_of(CommitVote value) {
  switch (value) {
    using enum CommitVote;
    case none:
      return "none";
    case yes:
      return "yes";
    case no:
      return "no";
  }
  return nullptr;
}

// By what the outcome is settled: the group's log, which has all votes; or a classical algorithm among the
// participants' hosts (agreements/), of which the log has what they tell.
enum class CommitBy : std::uint8_t { majority, two_phase, three_phase };
constexpr const char* name_of(CommitBy value) {
  switch (value) {
    using enum CommitBy;
    case majority:
      return "majority";
    case two_phase:
      return "2pc";
    case three_phase:
      return "3pc";
  }
  return nullptr;
}

enum class CommitOutcome : std::uint8_t {
  open,
  committed,
  aborted,       // by a vote, or for want of one
  not_all_came,  // aborted for want of participants
  torn,          // by three phases: committed at one, aborted at another
};
constexpr const char* name_of(CommitOutcome value) {
  switch (value) {
    using enum CommitOutcome;
    case open:
      return "open";
    case committed:
      return "committed";
    case aborted:
      return "aborted";
    case not_all_came:
      return "not all came";
    case torn:
      return "torn";
  }
  return nullptr;
}

// This participant prepares from now on; the first one begins the transaction. Who comes again, after a
// restart of its host, has another `run`, and what its earlier one says counts no more.
struct JoinCommit {
  std::string transaction{};
  std::string id{};
  std::string host{};
  std::uint32_t count = 0;  // of participants
  std::uint64_t run = 0;
  std::uint32_t uid = 0;
  std::string user{};
  CommitBy by = CommitBy::majority;
  Duration bound{};     // of three phases: no message takes longer; the first one's counts
  DecisionSite site{};  // of a classical algorithm: where this participant's votes are kept

  std::string& name() { return transaction; }
  bool operator==(const JoinCommit&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(transaction, id, host, count, run, uid, user, by, bound, site);
  }
};

struct VoteCommit {
  std::string transaction{};
  Token generation{};
  std::string id{};
  std::uint64_t run = 0;
  bool yes = false;
  std::string why{};  // not
  std::uint32_t uid = 0;
  std::string user{};

  std::string& name() { return transaction; }
  bool operator==(const VoteCommit&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(transaction, generation, id, run, yes, why, uid, user);
  }
};

// This participant waits no longer: aborted, unless it is decided already.
struct AbandonCommit {
  std::string transaction{};
  Token generation{};
  std::string id{};
  std::uint64_t run = 0;
  std::uint32_t uid = 0;
  std::string user{};

  std::string& name() { return transaction; }
  bool operator==(const AbandonCommit&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(transaction, generation, id, run, uid, user);
  }
};

// By a classical algorithm: what it has come to at this participant. Where it did not vote yes, `why`.
struct LearnCommit {
  std::string transaction{};
  Token generation{};
  std::string id{};
  std::uint64_t run = 0;
  CommitOutcome outcome = CommitOutcome::open;
  CommitVote vote = CommitVote::none;
  std::string why{};
  std::uint32_t uid = 0;
  std::string user{};

  std::string& name() { return transaction; }
  bool operator==(const LearnCommit&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(transaction, generation, id, run, outcome, vote, why, uid, user);
  }
};

// Its command for the outcome has ended with this status.
struct FinishCommit {
  std::string transaction{};
  Token generation{};
  std::string id{};
  std::uint64_t run = 0;
  std::int32_t status = 0;
  std::uint32_t uid = 0;
  std::string user{};

  std::string& name() { return transaction; }
  bool operator==(const FinishCommit&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(transaction, generation, id, run, status, uid, user);
  }
};

// Of one that is decided: it may begin anew. `open_too`: also of one whose sites may have decided, and do not
// answer; not of one by majority.
struct ForgetCommit {
  std::string transaction{};
  std::uint32_t uid = 0;
  std::string user{};
  bool open_too = false;

  std::string& name() { return transaction; }
  bool operator==(const ForgetCommit&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(transaction, uid, user, open_too);
  }
};

// ---- questions, and their answers

struct GetCommit {
  std::string transaction{};

  std::string& name() { return transaction; }
  const std::string& name() const { return transaction; }
  bool operator==(const GetCommit&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(transaction);
  }
};

// Those whose names begin with `prefix` above `after`, as many as fit one answer.
struct ListCommits {
  std::string prefix{};
  std::string after{};

  std::string& name() { return prefix; }
  const std::string& name() const { return prefix; }
  bool operator==(const ListCommits&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(prefix, after);
  }
};

struct CommitParticipant {
  std::string id{};
  std::string host{};
  std::string user{};
  std::uint64_t run = 0;
  CommitVote vote = CommitVote::none;  // none: it prepares, or is gone
  std::string why{};                   // it voted no
  bool ended = false;                  // its command for the outcome has, with `status`
  std::int32_t status = 0;
  CommitOutcome told = CommitOutcome::open;  // by a classical algorithm: what it has come to here
  DecisionSite site{};

  bool is_done() const { return ended && status == 0; }
  bool operator==(const CommitParticipant&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, host, user, run, vote, why, ended, status, told, site);
  }
};

struct CommitRecord {
  std::string name{};
  Token generation{};  // 0: there is no such transaction
  std::uint32_t count = 0;
  CommitOutcome outcome = CommitOutcome::open;
  std::string by{};  // whose word decided it: the last yes, a no, or that it waits no longer
  WallTime since{};  // begun
  std::uint32_t came = 0, voted = 0, finished = 0;
  CommitBy protocol = CommitBy::majority;

  bool operator==(const CommitRecord&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, generation, count, outcome, by, since, came, voted, finished, protocol);
  }
};

struct CommitView {
  CommitRecord of{};
  std::vector<CommitParticipant> participants{};

  bool operator==(const CommitView&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(of, participants);
  }
};

struct CommitsView {
  std::vector<CommitRecord> transactions{};
  bool more = false;  // ask again, after the last one

  bool operator==(const CommitsView&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(transactions, more);
  }
};

}  // namespace coord::service
