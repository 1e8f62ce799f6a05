// SPDX-License-Identifier: MIT
// The part of a peer that takes part in decisions by classical algorithms: the objects that the simulator
// runs (classical/registry.hpp), on the links between real peers.
//
// Problem: such an algorithm is proved for a fixed set of sites, over channels that lose nothing between
// sites that live, and, where it stores, for sites that keep what they stored. Peers come, go, are replaced
// and restarted, and links break. Algorithm: which sites there are is an entry of the group's log, the name's
// first, and is never read anew: two majorities of different sets need not meet. A site is a host and its
// disk, and where the algorithm forgets at a restart also its process: any other one never answers for it.
// Messages go by protocol/channel between two lives, which sends again what a broken link has lost: its
// acknowledgements and repetitions are no messages of the algorithm, and are not counted among them. What is
// to be stored is on the disk before any message that follows it.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agreements/events_here.hpp"
#include "agreements/group_log.hpp"
#include "agreements/leadership.hpp"
#include "agreements/messages.hpp"
#include "agreements/searching.hpp"
#include "agreements/shelf.hpp"
#include "agreements/signing.hpp"
#include "agreements/site.hpp"
#include "base/random.hpp"
#include "classical/registry.hpp"
#include "node/part.hpp"
#include "protocol/channel/channel.hpp"

namespace coord::node {
struct Setting;
}

namespace coord::agreements {

// By which a peer's sites decide, or let in; nullptr: none of that name.
const classical::Algorithm* hosted(std::string_view algorithm);

// Whether the sites of a region are there, while one waits to enter.
inline constexpr Duration ask_sites_every = std::chrono::milliseconds(500);
// Who is not to wait hears from all sites within this, or gives up.
inline constexpr Duration sites_answer_in = std::chrono::seconds(1);
// Who is let in, or has its turn before the log has it, says so within this, or its turn passes on: it may
// have been stopped.
inline constexpr Duration begins_within = std::chrono::seconds(2);

class AgreementsPart final : public node::Part {
 public:
  AgreementsPart(const node::Setting& setting, Shelf shelf,
                 std::unique_ptr<const GroupLog> log = std::make_unique<ServiceLog>(), Trace trace = {},
                 Keys keys = {});

  node::Channel channel() const override { return node::Channel::agreements; }
  std::string name() const override { return "agreements"; }
  node::PartActions step(const node::Moment& moment, const node::Event& event) override;
  node::PartActions settle(const node::Moment& moment) override;
  std::optional<Instant> deadline() const override;
  std::vector<node::Count> counts() const override;
  // Of a tool of this host, in this epoch.
  std::optional<SessionId> inside(Token epoch) const;

 private:
  struct Peer {
    std::uint64_t life = 0, disk = 0;
    std::optional<channel::Channel> channel;
    std::vector<Bytes> unsent;  // until its life is known
    std::size_t unsent_bytes = 0;
    Instant heard{};  // last
  };
  // What others know. That nothing is chosen only those know who have not begun: a majority of them and one
  // that has accepted would have a site in common.
  struct Asking {
    Tool tool;
    std::uint64_t question = 0;
    std::set<NodeId> open;  // have not answered
    std::size_t answered = 0, not_begun = 0, majority = 0;
    Instant until;
    std::optional<CannotTell> otherwise{};  // told if none of them knows the decision
  };
  struct Gathering {  // who the sites are
    Tool tool;
    std::vector<NodeId> voters;
    Instant until;
    std::set<NodeId> silent{};  // have not answered
    bool answering = false;     // only those who have
  };
  // One epoch of a name that is entered by an algorithm, at this site.
  struct Entrance {
    Tool tool;
    SessionId session;
    bool at_once = false;
    std::vector<SessionId> outer{};
    std::uint64_t number = 0;  // of this wait
  };
  struct Region {
    Known known;
    const classical::Algorithm* algorithm = nullptr;
    std::unique_ptr<classical::Instance> core;
    std::deque<Entrance> waiting{};      // of this host; for the first of them...
    bool wished = false;                 // ... the core waits
    std::optional<SessionId> inside{};   // until it takes part no more...
    std::optional<Instant> begins_by{};  // ... or has not begun by then
    std::set<NodeId> unheard_lives{};  // that the epoch names, and to which something was said before a Hello
    std::string over{};                // why this site serves it no more; empty: it does
    Entered entered{};                 // as it was told
    Chains chains{};
    std::map<std::string, std::uint64_t> messages{};  // since the wish
    std::uint64_t sent = 0, received = 0;             // since the epoch began
    Instant wished_at{}, asked_at{};
    // The first in line is not to wait: who has not said that he does not hold it up.
    struct AtOnce {
      std::uint64_t question = 0;
      std::set<NodeId> open{};
      Instant until{};
    };
    std::optional<AtOnce> at_once{};
    // A tool that asks the log to take part, while nobody of this host is in line: the core wishes for it.
    struct Ahead {
      Tool tool;
      std::uint64_t request = 0;  // that asks
      std::vector<SessionId> outer{};
      Instant until{};
      std::optional<Token> turn{};  // which came first...
      Delays delays{};              // ... and so late
    };
    std::optional<Ahead> ahead{};
  };

  // One participant of a transaction, or its coordinator: a node of the algorithm.
  struct Role {
    std::unique_ptr<classical::Instance> core;
    std::optional<bool> vote{};  // as its tool says
    bool voted = false;          // the core has it
    bool asked = false;          // the core waits for it
    bool heard = false;          // from the coordinator, in this life
    std::optional<bool> committed{};
    std::optional<Tool> waiting{};
    std::uint32_t depth = 0;
    std::map<std::string, std::uint64_t> messages{};
  };
  // One transaction, with those of its roles that are this host's.
  struct Deal {
    struct Local {
      NodeId from, to;
      std::uint32_t depth;
      Bytes message;
    };
    KnownDeal known;
    const classical::Algorithm* algorithm = nullptr;
    std::map<NodeId, Role> roles{};
    std::map<std::string, Bytes> records{};                   // of all these, by role
    std::deque<std::pair<NodeId, classical::Action>> held{};  // behind what is being written
    std::deque<Local> local{};                                // messages between roles of this host
    std::size_t writing = 0;
    std::optional<Instant> written_at{};  // last; what stood behind it was said then
    bool broken = false;
    std::map<NodeId, bool> ready{};  // at the coordinator: who can vote, and says yes
    bool begun = false;              //
    Instant say_ready_at{}, ready_since{};
    Duration ready_pause{};
  };

  void on(const node::Moment& moment, const node::FromPeer& event);
  void on(const node::Moment& moment, const node::FromTool& event);
  void on(const node::Moment& moment, const node::Greeted& event);
  void on(const node::Moment& moment, const node::ToolGone& event);
  void on(const node::Moment& moment, const node::Worked& event);
  template <class Other>
  void on(const node::Moment&, const Other&) {}

  void heard(const node::Moment& moment, NodeId from, const Hello& hello);
  void heard(const node::Moment& moment, NodeId from, const Packet& packet);
  void heard(const node::Moment& moment, NodeId from, const Election& what);
  void heard(const node::Moment& moment, NodeId from, const Probe& what);
  void take(const node::Moment& moment, NodeId from, const AnyItem& item);
  void item(const node::Moment& moment, NodeId from, const Item& item);
  void item(const node::Moment& moment, NodeId from, const AskDecided& item);
  void item(const node::Moment& moment, NodeId from, const TellDecided& item);
  void asked(const node::Moment& moment, Tool tool, const GetSites& what);
  void asked(const node::Moment& moment, Tool tool, const Propose& what);
  void asked(const node::Moment& moment, Tool tool, const GetDecided& what);
  void asked(const node::Moment& moment, Tool tool, const Enter& what);
  void asked(const node::Moment& moment, Tool tool, const EnterAhead& what);
  void asked(const node::Moment& moment, Tool tool, const Begin& what);
  void asked(const node::Moment& moment, Tool tool, const Withdraw& what);
  void asked(const node::Moment& moment, Tool tool, const GetSelf& what);
  void asked(const node::Moment& moment, Tool tool, const AskDeal& what);
  void asked(const node::Moment& moment, Tool tool, const GetSigningKeys& what);
  void asked(const node::Moment& moment, Tool tool, const PinSigningKey& what);

  // ---- part_signing.cpp
  void take_pins();
  void see_whether_it_founds(const node::Moment& moment);
  void pin_by_itself(NodeId node, const PublicKey& key);
  bool may_be_site(const node::Moment& moment, NodeId node) const;
  void ask_for_keys(const node::Moment& moment);
  void shows_key(const node::Moment& moment, NodeId from, const Bytes& shown);
  SigningKeys signing_keys(const node::Moment& moment) const;
  void pinned(const node::Moment& moment, const Pin& work);
  std::unique_ptr<SiteNotary> notary(const node::Moment& moment, const Known& known, Token generation) const;
  void sign(const Site& site, Item& item) const;
  std::uint64_t next_question();
  bool is_believed(const node::Moment& moment, Site& site, NodeId from, const Item& item) const;
  TellDecided answer_of(const Site& site, NodeId asked_by, const AskDecided& what) const;
  std::optional<std::string> proved(const node::Moment& moment, const Known& known, Token generation,
                                    const Bytes& proof) const;
  bool is_signed_by(const node::Moment& moment, NodeId from, const TellDecided& what,
                    const Known& known) const;
  bool is_told_by_enough(NodeId from, const TellDecided& what, const Known& known);
  void told_by_signature(const node::Moment& moment, NodeId from, const TellDecided& what,
                         const Known& known);

  // ---- part_trace.cpp
  void begin_trace(const node::Moment& moment, Token generation);
  void trace(const node::Moment& moment, Token generation, const Site& site, Step step,
             std::string_view type);
  void asked(const node::Moment& moment, Tool tool, const GetSteps& what);
  void traces_end(const node::Moment& moment);

  // ---- part_log.cpp
  using Clock = EventClock;
  struct AskingLog {
    Tool tool;
    GetLog what;
    Instant until;
  };
  void asked(const node::Moment& moment, Tool tool, const GetLog& what);
  bool is_settled(Token generation) const;
  void logs_go_on(const node::Moment& moment);
  void tell_log(Tool tool, const EventLog* log, std::uint64_t after);
  bool may_read(const GetLog& what, std::uint32_t uid, const std::string& user) const;
  void take_in(Clock& clock, const Clock& other) const;
  std::string line_of(const node::Moment& moment, const Clock& clock, const std::string& text) const;
  void event(const node::Moment& moment, Token generation, const std::string& name, const std::string& text,
             const Item* received = nullptr);
  void event_in(const node::Moment& moment, EventLog& of, const std::string& what,
                const Clock* known = nullptr, const Clock* known_of_all = nullptr);
  void stamp(const node::Moment& moment, const std::string& name, NodeId to,
             const classical::Algorithm* algorithm, Item& item);
  void note_received(const node::Moment& moment, const std::string& name, NodeId from,
                     const classical::Algorithm* algorithm, const Item& item);
  static std::string words_of(const classical::Algorithm* algorithm, const Item& item);
  static std::string words_of(const classical::Algorithm* algorithm, const Bytes& message);

  // ---- part_election_log.cpp
  void asked(const node::Moment& moment, Tool tool, const GetElectionLog& what);
  EventLog& election_log(const RaceKey& key);
  void election_event(const node::Moment& moment, const RaceKey& key, const std::string& what);
  std::string words_of(const Election& message) const;
  void send(const node::Moment& moment, NodeId to, Election message);
  void note_received(const node::Moment& moment, NodeId from, const Election& message);

  // ---- part_circles.cpp
  struct Finding {  // for a tool of this host
    Tool tool{};
    int round = 0;
    std::uint64_t number = 0;
    Instant until{};
    std::set<NodeId> silent{};                          // have not answered in this round...
    std::set<NodeId> missed{};                          // ... or in the one before
    std::set<std::vector<WaitStep>> first{}, second{};  // what each round has found
  };
  const Waits& waits_now(const node::Moment& moment);
  void asked(const node::Moment& moment, Tool tool, const FindCircles& what);
  void begin_round(const node::Moment& moment, Finding& finding);
  void begin_search(const node::Moment& moment, const Probe& probe);
  Search& search_of(const node::Moment& moment, const Probe& probe);
  void chase(const node::Moment& moment, const Probe& probe, SessionId session,
             const std::vector<WaitStep>& path);
  void pass_on(const node::Moment& moment, const Probe& probe, std::vector<WaitStep> path, WaitStep step);
  bool is_inside_of(const node::Moment& moment, SessionId waiter, SessionId outer);
  void held_up(const node::Moment& moment, const Probe& question, NodeId from, Region& region);
  void circles_go_on(const node::Moment& moment);

  // ---- part_elections.cpp
  void asked(const node::Moment& moment, Tool tool, const Stand& what);
  void asked(const node::Moment& moment, Tool tool, const StepDown& what);
  void asked(const node::Moment& moment, Tool tool, const WhoLeads& what);
  void sort_founders();
  NodeId giver() const;                               // of leases; 0: that is not known here
  bool comes_before(NodeId one, NodeId other) const;  // by name
  bool stands_for_itself() const;                     // this host votes
  void look_who_may_stand(const node::Moment& moment);
  void stand_anew(const node::Moment& moment, const RaceKey& key, Race& race);
  void stand_no_more(const node::Moment& moment, const RaceKey& key, Race& race);
  Result<std::unique_ptr<classical::Instance>> make_racer(const node::Moment& moment, ElectBy by, NodeId role,
                                                          std::size_t candidates, Duration bound);
  std::uint64_t next_candidacy(const node::Moment& moment);
  void begin_race(const node::Moment& moment, const RaceKey& key, Race& race);
  Standing standing(const node::Moment& moment, const RaceKey& key, const Race& race, Tool tool) const;
  std::string believed(const node::Moment& moment, const RaceKey& key) const;
  void step_down(const node::Moment& moment, const RaceKey& key, replica::ConnectionId connection);
  void races_forget(const node::Moment& moment, replica::ConnectionId connection);
  void tell_standing(const node::Moment& moment, const RaceKey& key, const Race& race);
  void say_to_all(const node::Moment& moment, const RaceKey& key, const Race& race, Election::Kind kind,
                  bool is_new = true);
  void leads_now(const node::Moment& moment, const RaceKey& key, Race& race);
  void leads_no_more(const node::Moment& moment, const RaceKey& key, Race& race);
  void perform(const node::Moment& moment, const RaceKey& key, Race& race, classical::Actions actions);
  void race_told(const node::Moment& moment, const RaceKey& key, Race& race, const classical::Told& what);
  void store_takes(const node::Moment& moment, NodeId from, const Election& what);
  bool may_give(NodeId from, const Election& what);
  void no_lease_was_given();
  void longest_lease_saved(const node::Moment& moment, const Save& work);
  void store_answers(const node::Moment& moment, const std::string& name, Store& store, std::uint32_t depth,
                     classical::Actions actions);
  void refused_by_store(const node::Moment& moment, const RaceKey& key, Duration length);
  void believe(const node::Moment& moment, const RaceKey& key, NodeId leader, Duration bound);
  void race_takes(const node::Moment& moment, NodeId from, const Election& what);
  void hears_a_leader(const node::Moment& moment, const RaceKey& key, Race& race, NodeId from);
  void suspect(const node::Moment& moment, const RaceKey& key, Race& race);
  std::optional<Instant> deadline_of(const RaceKey& key, const Race& race) const;
  void races_go_on(const node::Moment& moment);

  // ---- part_deals.cpp
  // Made if a role of it is this host's; null: `why` says why not.
  Deal* deal(const node::Moment& moment, Token generation, CannotTell& why);
  Status add_role(const node::Moment& moment, Deal& deal, NodeId role);
  void make_deals(const node::Moment& moment);
  void deal_item(const node::Moment& moment, NodeId from, const Item& what);
  void receive(const node::Moment& moment, Token generation, Deal& deal, const Deal::Local& message);
  void ready(const node::Moment& moment, Token generation, Deal& deal, NodeId role, bool yes);
  void wish(const node::Moment& moment, Token generation, Deal& deal, NodeId role,
            const classical::Wish& what);
  void perform(const node::Moment& moment, Token generation, Deal& deal, NodeId role,
               classical::Actions actions);
  void go_on(const node::Moment& moment, Token generation, Deal& deal);
  void act(const node::Moment& moment, Token generation, Deal& deal, NodeId role, classical::Action action);
  void told(const node::Moment& moment, Token generation, Deal& deal, NodeId role,
            const classical::Told& what);
  void vote(const node::Moment& moment, Token generation, Deal& deal, NodeId role);
  void say_ready(const node::Moment& moment, Token generation, Deal& deal);
  static bool is_ready(const Role& role);  // to vote, and was not asked
  void look_for_coordinator(const node::Moment& moment, Token generation, Deal& deal);
  void save(Token generation, Deal& deal);
  void deal_saved(const node::Moment& moment, const Save& work);
  void deals_go_on(const node::Moment& moment);
  DealIs how_it_stands(const node::Moment& moment, const Deal& deal, NodeId role) const;
  static std::optional<Instant> due(const Deal& deal, const Role& role);
  std::optional<Instant> deadline_of(const Deal& deal) const;

  // The site of this generation, made if this peer is one; null: `why` says why not.
  Site* site(const node::Moment& moment, Token generation, CannotTell& why);
  Site* make_site(const node::Moment& moment, Token generation, Known known, CannotTell& why);
  // As the log has it; nullopt: `why` says why not.
  std::optional<Known> known(const node::Moment& moment, Token generation, CannotTell& why) const;
  // It is the one that was fixed: from another disk, or where that counts another life, it is no site's.
  bool is_site(const Known& known, NodeId from) const;
  bool has_sites_disk(const Known& known, NodeId from) const;
  std::string lost_majority(const Site& site) const;
  void tell_of_lost_majorities(const node::Moment& moment, NodeId of);
  void ask_the_others(const node::Moment& moment, Token generation, Site& site);
  static bool is_held_for(const Site& site, NodeId to);
  bool has_no_room(const Site& site) const;  // behind a write, for what more messages would have it say
  // ---- part_regions.cpp
  // Null: `why` says why not; of `wrong` no later epoch is another either.
  Region* region(const node::Moment& moment, Token epoch, CannotTell& why);
  // That of a session which takes part; null: the tool was told why not.
  Region* region_of(const node::Moment& moment, Tool tool, SessionId session, std::uint64_t request,
                    Token& epoch);
  void make_regions(const node::Moment& moment);
  void send(const node::Moment& moment, Token epoch, Region& region, classical::Send what);
  void say(const node::Moment& moment, Region& region, NodeId to, Item what);
  void ask_whether_busy(const node::Moment& moment, Token epoch, Region& region);
  void busy_item(const node::Moment& moment, NodeId from, const Item& what, Region& region);
  void give_up_waiting(const node::Moment& moment, Token epoch, Region& region, const ToTool& told);
  void see_who_answers(const node::Moment& moment);
  void another_life(const node::Moment& moment, NodeId of, bool is_first);
  void serve_no_more(const node::Moment& moment, Token epoch, Region& region, const std::string& why);
  void is_over(const node::Moment& moment, Token epoch, Region& region, const std::string& why);
  void see_who_begins(const node::Moment& moment);
  void region_item(const node::Moment& moment, NodeId from, const Item& item, const Known& known);
  void perform(const node::Moment& moment, Token epoch, Region& region, classical::Actions actions);
  void wish(const node::Moment& moment, Token epoch, Region& region, const classical::Wish& what);
  void enter(const node::Moment& moment, Token epoch, Region& region, Token token);
  void next(const node::Moment& moment, Token epoch, Region& region);
  void begin_wish(const node::Moment& moment, Token epoch, Region& region);
  void leave(const node::Moment& moment, Token epoch, Region& region);
  void give_up(const node::Moment& moment, Token epoch, Region& region, const std::string& why);
  std::string missing(const node::Moment& moment, const Region& region) const;
  void look_for_the_missing(const node::Moment& moment);
  void see_who_left(const node::Moment& moment);
  // ---- part_ahead.cpp
  void see_who_comes(const node::Moment& moment);
  void nobody_comes(const node::Moment& moment, Token epoch, Region& region);
  void see_who_stays_away(const node::Moment& moment);
  template <class Which>
  void leaves_line(const node::Moment& moment, const Which& which);

  void perform(const node::Moment& moment, Token generation, Site& site, classical::Actions actions);
  void go_on(const node::Moment& moment, Token generation, Site& site);
  void decide(const node::Moment& moment, Token generation, Site& site, const std::string& value);
  void save(Token generation, Site& site);
  void note(const node::Moment& moment, Token generation, Site& site, bool sent, NodeId peer,
            const Bytes& message);
  // False: it was dropped, for that peer has taken nothing for long.
  bool offer(const node::Moment& moment, NodeId to, const AnyItem& item, std::size_t most_bytes = some_bytes);
  void say(NodeId to, const ToPeer& what);
  void hello(NodeId to, bool asks);
  void tell(Tool tool, const ToTool& what);
  void tell_sites(const Gathering& gathering);
  void forget_questions(replica::ConnectionId connection);
  bool asks_too_much(const Tool& tool) const;
  bool is_participant(const node::Moment& moment, const AskDeal& ask, std::uint32_t uid,
                      const std::string& user) const;
  void time_passes(const node::Moment& moment);
  void ask_for_lives(const node::Moment& moment);
  void questions_end(const node::Moment& moment);
  void forget_the_forgotten(const node::Moment& moment);
  bool is_in_log(const node::Moment& moment, Token generation) const;
  void forget(Token generation);
  void take_the_early(const node::Moment& moment);
  void keep_early(NodeId from, const Item& item);
  void answered(Token generation, NodeId from, const TellDecided& what);
  void ask_sites(const node::Moment& moment, Tool tool, Token generation, const Known& of,
                 std::optional<CannotTell> otherwise);
  bool told_by_others(const Asking& asking);  // else others are waited for
  void tell_no_answer(const Asking& asking);
  std::string host_of(NodeId node) const;
  bool is_known(NodeId node) const;
  void look_who_is_known(const node::Moment& moment);

  // Of what one peer has not taken: decisions stop before epochs, which end when something is lost.
  static constexpr std::size_t some_bytes = channel::Limits{}.queue;
  static constexpr std::size_t bytes_of_epochs = 2 * some_bytes;
  static constexpr std::size_t any_bytes = std::numeric_limits<std::size_t>::max();

  const NodeId self_;
  const std::vector<NodeId> founders_;
  std::vector<NodeId> known_;  // these, and who came later: who may be a site, and is heard
  std::map<NodeId, std::string> names_;
  LogIndex known_at_{};             // GroupLog::members_at() when they were looked at
  std::vector<NodeId> by_name_;     // the founders
  std::vector<NodeId> candidates_;  // who votes, by name: when that was looked at last
  const std::unique_ptr<const GroupLog> log_;
  Random random_;
  const std::uint64_t life_;
  Shelf shelf_;
  const std::shared_ptr<const Signer> signer_;
  std::map<std::string, PublicKey> pins_;              // by host, as the file has them
  PinnedKeys pinned_;                                  // of hosts that are known, this one's own too
  std::set<NodeId> pinning_;                           // being written, by itself...
  std::map<const node::Work*, Tool> pinning_by_hand_;  // ... and for these
  PinnedKeys other_keys_;        // that were shown last in place of these, or where none is pinned
  std::set<NodeId> other_told_;  // whose was reported
  std::optional<bool> founds_;   // the group, if all others do; until that was looked at: not known
  bool has_group_ = false;       // in this life, so that a group that it founds is founded
  std::map<NodeId, std::optional<PublicKey>> shown_while_founding_;  // by founders; nullopt: different ones
  bool asked_for_keys_ = false;                                      // whose is not pinned
  std::map<NodeId, Peer> peers_;
  channel::Counts of_earlier_lives_;  // of channels to them
  std::map<Token, Site> sites_;
  std::map<Token, Region> regions_;
  std::vector<Finding> finding_;
  std::optional<Waits> waits_;
  std::map<std::pair<NodeId, std::uint64_t>, Search> searches_;
  std::uint64_t last_wait_;  // no other life has numbered one like it
  std::map<Token, EventLog> logs_;
  std::map<RaceKey, EventLog> election_logs_;
  std::vector<AskingLog> asking_log_;
  std::function<void(const std::string&)> trace_;
  Clock trace_clock_;
  std::map<RaceKey, Race> races_;
  std::map<RaceKey, Belief> beliefs_;
  std::map<std::string, Store> stores_;
  LongestLease longest_lease_;
  std::map<Token, Traced> traced_;
  std::uint64_t last_candidacy_ = 0;
  const Instant started_at_;
  std::map<Token, Deal> deals_;
  std::set<Token> deals_kept_;  // whose records are there from an earlier life, and which are not made yet
  std::map<Token, std::vector<std::pair<NodeId, Item>>> early_;  // the log is behind
  std::size_t early_count_ = 0, early_bytes_ = 0;
  std::set<Token> early_lost_;   // of which not all could be kept...
  Token all_lost_to_{};          // ... and, where there were too many, all up to this
  LogIndex looked_until_{};      // GroupLog::position() when the epochs were looked at
  std::uint64_t last_question_;  // no other life has asked it
  std::map<Token, std::vector<Asking>> asking_;
  std::map<Token, std::map<NodeId, Digest>> told_;  // that this value is decided, by whom, without a proof
  std::vector<Gathering> gathering_;
  std::optional<Instant> ask_again_;  // lives that are not known
  std::optional<Token> looked_at_;    // GroupLog::last_forgotten() when the forgotten were looked for
  node::PartActions out_;
};

}  // namespace coord::agreements
