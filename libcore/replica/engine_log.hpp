// SPDX-License-Identifier: MIT
// The ordered log of a gateway: a host that keeps its log in an engine which others run (engine_verbs.hpp).
//
// Problem: whoever has a cluster of etcd, or of Redis, wants our locks without one more cluster. What such an
// engine calls a lock cannot be trusted with them (engine_verbs.hpp says why), and has fewer features.
//
// The way here: every gateway is a registered client of one log (client.hpp), applies all of it to a machine
// of its own, and reads what became of its commands off that, as a peer of a group does. So all that the
// machine can do is there, and every rule of the desk holds:
//   - a renewal counts when it comes back as an entry, from when it was sent. No lease of the engine's is
//     used; leases are ended by entries (engine_keepers.hpp);
//   - an append goes again, under its key, until its entry is seen. The key is of the command: (client,
//     sequence); of a command that is withdrawn the one that takes its place has it;
//   - what is read is at least as new as all that anybody was told before: the engine is asked where its end
//     is. The last entry that came here says nothing of that.
// The log is followed from the newest state that the engine keeps; what does not follow what was told before
// is a gap, and all is read anew. An entry's index is its number among ours: base and count make the
// tokens, whatever numbers the engine counts with.
//
// An engine that was restored from a backup goes back, and says nothing of it. So each gateway remembers how
// far it has seen the log, and the way there (EngineMemory), before anything is granted that depends on it:
// an engine that is behind that, or has come by another way, is refused. A gateway that remembers nothing
// serves nobody until one that does has confirmed by an entry that this is the log (engine_log_trust.cpp).
// How a log that was restored goes on: engine_log_era.cpp.
//
// Pure. Threading: none; one owner.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "replica/client.hpp"
#include "replica/engine_frame.hpp"
#include "replica/engine_keepers.hpp"
#include "replica/ordered_log.hpp"

namespace coord::replica {

class EngineLog final : public OrderedLog {
 public:
  struct Config {
    NodeId self;
    Level level = newest_level;                        // that this program knows
    Duration resend = std::chrono::milliseconds(300);  // an engine's own time-outs are seconds
    Duration query_retry = std::chrono::milliseconds(300);
    Duration query_patience = std::chrono::seconds(2);
    std::size_t commands_in_flight = 1024;
    std::size_t commands_queued = 65536;
    std::size_t seal_every_entries = 8192;
    std::size_t seal_every_bytes = 2 * 1024 * 1024;
    Duration remember_every = std::chrono::seconds(1);
    Duration believe_again = std::chrono::seconds(5);   // an engine that was refused is read anew
    Duration usual_ttl = std::chrono::seconds(30);      // a lease of which nothing is known is over by then
    Duration hear_memories = std::chrono::seconds(10);  // what others know, when a new era begins
    Duration forget_after = std::chrono::hours(24);     // a gateway that says nothing
    Duration raise_after = std::chrono::minutes(10);    // since all gateways know a higher level
    EngineMemory memory{};                              // of earlier lives
    std::string name{};                                 // of this host, for its registration
    bool first = false;     // an operator says that what is found is the right log
    bool registers = true;  // false: an operator's look at the log
  };

  EngineLog(Config config, Random random, Instant now);

  [[nodiscard]] Actions step(Instant now, WallTime wall, const Event& event) override;
  [[nodiscard]] Actions settle(Instant now, WallTime wall) override;
  bool is_asked() const override { return asked_; }
  std::optional<Instant> deadline() const override;

  const service::StateMachine& machine() const override { return machine_; }
  LogIndex applied() const override { return LogIndex{applied_}; }
  service::ClientId client() const override { return commands_.id(); }
  std::uint64_t life() const override { return commands_.life(); }
  Level speaks() const override { return machine_.level(); }
  LevelView level_view() const override;
  // This gateway itself, while it follows the log: nobody leads.
  NodeId leader() const override { return current_ ? config_.self : NodeId{}; }
  bool has_begun() const override { return begun_; }
  std::vector<NodeId> waits_for() const override { return {}; }
  const std::string& trouble() const override { return trouble_; }

  // ---- of operators
  // `coordd --new-epoch`: all sessions end, every token is above this one and above all that gateways know,
  // and nothing is granted until a Shut says so.
  [[nodiscard]] Actions begin_era(Instant now, Token above, const EngineMemory& known);
  bool is_read() const { return read_; }
  bool is_beginning_era() const { return new_era_.has_value(); }
  // From when on nobody renews in the former era, and how long a lease may still last then.
  std::optional<Instant> era_ended() const { return era_ended_; }
  Duration longest_lease() const { return closed_for_; }
  // The era that is followed grants from here on, if it is time. Of a further one, which another operator has
  // begun meanwhile, the leases are waited for anew.
  [[nodiscard]] Actions open_era(Instant now);
  std::optional<Instant> opens_at() const { return opening_ ? std::optional(opening_->at) : std::nullopt; }
  std::uint64_t era() const { return walk_ ? walk_->era : 0; }
  // `coordd --first`: to all gateways that ask.
  [[nodiscard]] Actions confirm_to_all(Instant now);
  bool has_confirmed() const { return confirmed_all_; }
  const EngineMemory& memory() const { return memory_; }

  // When that gateway has said something last, while this one listened.
  std::optional<Instant> heard(NodeId node) const { return keepers_.heard(node); }
  // How far that host's clock is ahead of this one's, as its last entry says.
  std::optional<Duration> ahead(NodeId node) const {
    const auto found = ahead_.find(node);
    return found == ahead_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  struct Reading {
    std::uint64_t ticket = 0;
    Instant began;
    std::optional<Instant> asked;
    std::uint64_t barrier = 0;
    bool ready = false;
  };
  struct Over {  // the era, by an entry
    EngineWord word;
    std::map<NodeId, EngineWord> known;  // what gateways know
    std::optional<Instant> said;         // what this one knows
    // The seal of that epoch, behind which the next era begins.
    bool sealed = false;
    EnginePlace place;
    std::uint64_t position = 0, epoch = 0;
  };
  struct Walk {  // over what the engine tells: behind `applied_` where that was seen before
    EnginePlace place;
    std::uint64_t position = 0;
    std::uint64_t epoch = 0;
    std::uint64_t era = 1;
    std::vector<EnginePlace> seals;
    std::size_t entries = 0, bytes = 0;  // of the open epoch
    bool other_way = false;              // it is not what was seen: nothing of it is applied
    std::optional<Over> over;            // nothing behind that is
  };
  struct Question {  // another gateway's, that nobody has answered yet
    EnginePlace place;
    std::optional<Instant> due;
  };
  struct Opening {  // of an era that is shut
    std::uint64_t era = 0;
    Instant at;
    std::optional<Instant> said;
  };
  struct NewEra {  // that is being begun here
    std::uint64_t nonce = 0;
    Token above;
    EngineMemory known;
    std::uint64_t former = 0;
    std::optional<Instant> asked;
  };

  void on(Instant now, const Tick&);
  void on(Instant now, const Submit& event);
  void on(Instant now, const Retract& event);
  void on(Instant now, const Query& event);
  void on(Instant now, const PutIntoLog& event);
  void on(Instant now, const FromEngine& event);
  void on(Instant now, const RaiseNow& event);
  template <class Other>
  void on(Instant, const Other&) {}  // of disks, peers and voters

  // ---- engine_log_walk.cpp: what the engine tells
  void hear(Instant now, const engine::Up&);
  void hear(Instant now, const engine::Down& event);
  void hear(Instant now, const engine::Empty&);
  void hear(Instant now, const engine::State& event);
  void hear(Instant now, const engine::Entry& event);
  void hear(Instant now, const engine::Sealed& event);
  void hear(Instant now, const engine::Reached& event);
  void hear(Instant now, const engine::Refused& event);
  void load(Instant now);
  bool follows(Instant now, std::uint64_t after);
  void was_read(Instant now);
  void serve(Instant now);
  void install(Instant now, EngineState&& state);
  void apply(Instant now, const EngineEntry& entry);
  void seal_if_due(Instant now);
  void keep_state(std::uint64_t epoch);
  void note_refused_names(Instant now, const service::Effects& effects);
  void note_own_registration();
  void lose(std::string why);
  void refuse(Instant now, std::string why);
  void halt(std::string why);

  // ---- engine_log_trust.cpp: is it the log that was seen?
  enum class Way : std::uint8_t { same, other, untold };
  bool is_beyond_memory() const;
  bool has_memory() const { return memory_.place.index != 0; }
  Way way_of(const EngineState& state) const;
  void look_whether_on_way(Instant now);
  bool is_behind() const;
  bool is_in_doubt() const { return read_ && !believes_ && !walk_->other_way && !walk_->over; }
  static bool may_go_on(bool same_way);
  void go_other_way();
  void doubt(Instant now);
  void hear_word(Instant now, const EngineEntry& entry);
  void hear_confirmed(Instant now, const EngineWord& word);
  void ask_others(Instant now);
  void answer_others(Instant now);
  void remember();
  void put_down(Instant now);
  void note_leases();

  // ---- engine_log_era.cpp: a log that was restored goes on
  void hear_new_era(Instant now, const EngineWord& word);
  bool owes_word() const;  // of what it knows
  void say_what_is_known(Instant now);
  void further_era(Instant now);
  void keep_new_era();

  // ---- engine_log_level.cpp
  Level known_by_all() const;
  void count_raise_anew();
  void raise_if_due(Instant now);
  void apply_raise(Instant now, const EngineEntry& entry);

  Actions& for_desk();
  void drop_applied();
  void desk_reads_anew();
  void tell_held();
  void ask(engine::Request what);
  void append(std::string key, const Bytes& command, EngineEntry::Kind kind = EngineEntry::Kind::command);
  void append_word(std::string key, const EngineWord& word, EngineEntry::Kind kind);
  void try_again(Instant now);
  void forget_silent(Instant now);
  void send_commands(Instant now);
  void keep_leases(Instant now);
  void ask_reads(Instant now);
  void answer_reads(Instant now);
  std::string key_of(const Bytes& command) const;
  std::string key_of_timer(const service::TimerOver& over) const;
  // What was sent before a connection or an epoch began goes again.
  Client::Target target() const { return {config_.self, Term{connection_ + (walk_ ? walk_->epoch : 0)}}; }

  const Config config_;
  Random random_;
  Client commands_;
  EngineKeepers keepers_;
  service::StateMachine machine_;
  std::uint64_t applied_ = 0;
  bool begun_ = false;
  bool asked_ = false;
  bool halted_ = false;
  Actions out_;
  WallTime wall_;

  bool up_ = false;
  bool read_ = false;             // to its end since it is up
  bool current_ = false;          // and it is believed, and takes what is appended
  std::uint64_t connection_ = 0;  // grows by more than there are epochs between
  std::uint64_t last_ticket_ = 0;
  std::uint64_t loading_ = 0;  // by this ticket; 0: it is followed
  std::optional<Walk> walk_;
  struct Sealing {
    std::uint64_t epoch = 0;
    Instant asked;
  };
  std::optional<Sealing> sealing_;  // what this gateway wants sealed
  std::string trouble_ = "the engine has not answered yet";
  std::optional<Instant> reload_at_;  // it is not believed as it is
  std::uint64_t last_key_ = 0;

  // What the machine has applied, and whether that is void: it was another log's.
  EnginePlace seen_;
  std::uint64_t seen_era_ = 0;
  bool stale_ = true;
  Duration longest_ttl_{};
  Duration closed_for_{};  // as the state says

  EngineMemory memory_;
  EngineMemory put_down_, lasting_;
  std::optional<Instant> lasting_at_;

  bool believes_ = false;      // that what is walked is the log of `memory_`
  std::uint64_t nonce_ = 0;    // of this connection's question
  bool asked_others_ = false;  // it is in the log
  std::optional<Instant> asked_at_, doubts_until_;
  EnginePlace asked_place_;
  std::map<std::uint64_t, Question> questions_;

  std::optional<NewEra> new_era_;
  std::optional<Instant> era_ended_;  // by the word of that number; that epoch is the first behind it
  std::uint64_t ended_by_ = 0, ended_before_ = 0;
  std::optional<Opening> opening_;
  bool heard_new_era_ = false;  // since the memory is of its era
  std::optional<Instant> confirming_all_;
  bool confirmed_all_ = false;

  std::optional<Instant> full_at_;  // the engine takes nothing; asked last
  std::string full_why_;
  std::optional<Instant> made_at_;  // a log, which is not there yet
  unsigned gaps_ = 0;               // since all was read
  Actions held_;                    // for the desk, while it is in doubt whether this is the log
  std::uint64_t tries_ = 0;
  std::optional<Instant> name_refused_at_;
  std::uint64_t registers_ = 0;  // how often that was refused

  std::optional<Instant> raise_ready_since_, raise_look_at_;
  std::optional<Instant> raise_until_;  // an operator wants it, and waits so long
  bool raises_here_ = false;            // it was the first of those that write, when it looked last
  std::uint64_t raises_ = 0;            // of this life, that came back as entries

  std::map<NodeId, Duration> ahead_;

  std::map<std::uint64_t, Reading> reads_;
  std::uint64_t next_read_ = 1;
};

}  // namespace coord::replica
