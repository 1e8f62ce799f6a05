// SPDX-License-Identifier: MIT
// A ring's data on several hosts: copies, majorities, and what is handed over when a host comes or goes.
//
// Problem: a value must outlive any one host, and whoever reads must see what was acknowledged before, while
// hosts fail, are cut off, come and go. Algorithm: quorums over versions (DeCandia et al., "Dynamo", SOSP
// 2007; Preguiça et al. 2010 for the versions, protocol/versions). Any host of the ring does what a tool
// asks: it reads what a majority of the key's copies say, gives the new version a dot that replaces what they
// said, and acknowledges when a majority has it on disk. Dynamo's preference list is each coordinator's own
// view; here it follows from what the group has agreed on (service/rings), and a copy answers only whoever
// has the same number of the ring. So there are no two majorities that do not meet.
//
// Dots are those of a *membership*: a host that lost its disk comes in as another member, and gives no dot
// twice. It answers nobody before it has read what it is to keep (Storage::memberships). Writes of one key by
// way of one host come one after the other, since a context is "all dots up to this number".
//
// Values are asked for by who lacks them, a chunk at a time: nobody's queue fills up. An entry is stored with
// all its values or not at all. Copies that were away are brought up to date by who reads, and by themselves:
// at a host's start and when it sees another one again it reads through what that one keeps.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "node/node.hpp"
#include "ring/copies.hpp"
#include "ring/placement.hpp"
#include "ring/routing.hpp"
#include "ring/work.hpp"

namespace coord::ring {

inline constexpr std::size_t most_graves = 256;
inline constexpr Duration disk_rests_for = std::chrono::seconds(3);  // after it has failed
// Entries that others store here.
inline constexpr std::size_t most_takings = 4096;
inline constexpr std::uint64_t most_taking_bytes = std::uint64_t{64} << 20U;  // of their values

class Replicas {
 public:
  // `life`: another random number in each life of this node. Answers to an earlier life's operations may
  // still be under way, and must be none to this one's.
  Replicas(NodeId self, std::map<NodeId, std::string> names, std::uint64_t life);

  // Before each step and after each batch: what the group has
  // agreed on; `last`: the newest number that it has given.
  void look_at(Instant now, const service::KeptRings* rings, Token last);
  // What a tool asks of this ring: here, of this host alone, or nobody knows yet.
  enum class Standing : std::uint8_t { unknown, alone, member };
  Standing standing(const std::string& ring) const;
  // Its standing follows from the disk; false: what the disk says is being read or changed.
  bool has_standing(const std::string& ring) const { return memberships_ && !forgetting_.contains(ring); }
  void begin(std::shared_ptr<Work> work);  // of a member; also AwaitHandOver and Forget of whoever
  std::string stored_ring(const std::string& ring) const;  // under which name it is on the disk

  [[nodiscard]] bool heard(const node::FromPeer& event);  // false: it cannot be read
  void greeted(NodeId peer);
  void tick();
  void worked(InnerWork& work);
  void tool_gone(replica::ConnectionId connection);
  std::optional<Instant> deadline() const;

  // ---- output
  node::PartActions take_actions() { return std::exchange(out_, {}); }
  std::uint64_t take_released() { return std::exchange(released_, 0); }  // bytes of values
  bool take_changed() { return std::exchange(changed_, false); }         // something was stored
  std::vector<std::shared_ptr<Work>> take_ready();                       // may be judged anew

  void hold(std::shared_ptr<Work> work) { held_.push_back(std::move(work)); }
  void answer_status(StatusOf& status, const std::string& ring) const;

 private:
  // Keys that are read from another host.
  struct Source {
    Host host;
    std::string after{};
    std::uint64_t operation = 0;  // what was asked, 0: nothing
    Instant again{};              // when it is asked again
    Instant not_before{};         // is nothing asked: what was read before could not be stored
    bool more = true;
    std::deque<copies::KeyAndEntry> rows{};
    std::size_t open = 0;  // entries on their way to the disk
    // Of what may have been missed: first it is compared.
    bool is_compared = false;
    std::optional<Digest> own_digest{}, other_digest{};
    Bytes buckets{};  // that differ
    bool is_over() const { return !more && rows.empty() && open == 0 && operation == 0; }
  };
  // What this host keeps beyond its arcs.
  struct Surplus {
    std::string after{};
    bool more = false, is_reading = false;
    Instant not_before{};  // the disk has failed
    std::deque<copies::KeyAndEntry> rows{};
  };
  // Who keeps an entry for hosts that are away.
  struct Hints {
    std::set<Host> kept_for;
    std::size_t next = 0;  // who is asked next, of the hosts behind the key's own
  };
  // An entry on its way to all who are to keep it, for which no tool waits (any more).
  struct Delivery {
    std::string ring;
    Token number{};
    copies::KeyAndEntry row;
    std::vector<copies::Holder> holders{};
    std::set<Host> stored{};
    Hints hints{};
    Instant again{};
    bool is_surplus = false;         // this host is not to keep it, or leaves
    bool is_awaited = false;         // somebody waits until so many have it (one_copy.cpp)
    std::optional<Instant> until{};  // not longer: who is away finds by comparing what it has missed
  };
  // Digests of what this host and another one are to keep: who has asked for them (comparing.cpp).
  struct DigestWish {
    Host host;
    std::uint64_t operation = 0;  // of the other one, 0: it has not asked
    bool is_own = false;          // this host compares
  };
  struct Reading {
    std::uint64_t id = 0;  // 0: none is under way
    std::map<NodeId, DigestWish> now, next;
    Instant not_before{};  // the disk has failed
  };
  // Tombstones of which all hosts are asked whether they have anything else (burying.cpp).
  struct Burying {
    std::uint64_t operation = 0;
    Token number{};
    std::vector<copies::KeyAndEntry> rows{};
    std::set<Host> agreed{};
    bool is_second = false;  // round
    std::string after{};
    Instant not_before{}, again{}, until{};
  };
  // Who has asked for the second time, and by whose words it is answered.
  struct Grave {
    NodeId from;
    copies::AskBury ask;
    std::set<NodeId> waits_for;
    Instant until;
  };
  // Hosts that are said to be lost are asked whether they live (adopting.cpp).
  struct Doubt {
    std::set<NodeId> lost;
    std::uint64_t operation = 0;
    Instant until, again;
    std::shared_ptr<Work> work;  // a tool of this host has said so
  };
  struct Ring {
    Placement placement;
    std::set<Host> have_read;         // of the change that is under way; of a leaver: have handed over
    std::map<NodeId, Source> gains;   // what this host gains by it
    std::map<NodeId, Source> repair;  // what it may have missed
    std::vector<std::pair<Token, std::shared_ptr<Work>>> awaiting;
    std::set<NodeId> lost;                       // for good, of the change that is under way
    std::optional<Doubt> doubt;                  // whether hosts are lost
    bool adopts = false;                         // a tool of this host has said so
    std::shared_ptr<const chord::List> members;  // of the placement, once a lookup has needed it
    bool is_marking = false;
    Surplus surplus;
    Reading reading;
    Burying burying;
  };
  struct Operation {
    enum class Phase : std::uint8_t { waiting, reading, storing, fetching };
    std::shared_ptr<Work> work;
    std::string ring, key;
    Phase phase = Phase::waiting;
    Token number{};
    ReplicaSet set;
    std::map<Host, Entry> seen;
    std::set<Host> stored;
    Hints hints;
    Instant stores_since{};
    std::map<Host, Why> not_stored;  // by their last word
    Entry entry;
    std::vector<copies::Holder> holders;  // of its values, while it is stored
    Dot dot;                              // that is written, or whose value is read
    std::size_t holder = 0;
    // One copy is enough: the one that writes it, those that do not now, and whether one that was asked may
    // have done so all the same.
    std::optional<Host> writer;
    std::set<Host> passed_over;
    Instant heard{};  // of the writer
    bool may_be_stored = false;
    bool by_one = false;
    std::uint32_t copies = 0;    // that are wanted besides a majority; by one: in place of it
    std::uint32_t on_disks = 0;  // by one: so many have it
    std::optional<Instant> until;
    Instant again;
  };
  struct Listing {
    std::shared_ptr<Work> work;
    std::string ring;
    Token number{};
    std::map<Host, copies::RowsAre> got;
    Instant until, again;
  };
  // A lookup that a tool has asked for, and whom it waits for.
  struct Tracing {
    std::shared_ptr<Work> work;
    Token number{};
    std::shared_ptr<const chord::List> all;
    std::unique_ptr<Trace> trace;  // of `all`
    std::uint64_t operation = 0;
    chord::Member asked{};
    Instant asked_at, again;
    bool asked_twice = false;
    std::optional<Instant> until;
  };
  struct Fingering {
    std::shared_ptr<Work> work;
    Instant again, until;
  };
  // A write by this copy that is done.
  struct Written {
    NodeId from;
    copies::WroteOne answer;
    std::uint64_t delivery = 0;
    std::uint32_t copies = 1;
    std::uint32_t stored = 1;
  };
  // An entry of which values are lacking.
  struct Taking {
    NodeId from;
    std::uint64_t operation = 0;  // of who stores it; 0: nobody waits
    Token number{};
    Merge merge;
    std::vector<copies::Holder> holders;
    std::map<Dot, std::uint64_t> sizes;
    bool is_at_disk = false;
    Instant again, until;
    bool gains = false, repairs = false;  // a Source of the ring waits for it
    std::optional<WriteHere> write;       // this copy is to write it by itself
    std::uint32_t copies = 1;             // and says so once so many have it
    std::optional<Host> hint_for;         // this is none of the key's hosts, and keeps it for that one
  };

  // One copy is enough, of whatever number.
  static bool wants_one(const Work& work);
  static const Past& past_of(const Work& work);
  static Copies copies_of(const Work& work);
  static Token number_said(const Operation& operation) {
    return operation.by_one ? Token{} : operation.number;
  }

  // replicas.cpp
  Ring* member_ring(const std::string& name, Token number);
  bool is_complete(const std::string& name, const Ring& ring) const;
  const Host* own(const Ring& ring) const;
  void agreed(const std::string& name, const service::Ring& ring);
  void send(NodeId to, copies::Message message);
  void perform(Inner what, std::function<void(InnerWork&)> then);
  void tell(const Work& work, const Answer& answer);
  void set_member(const std::string& ring, std::uint64_t joined);
  void forget_ended();

  // operations.cpp
  void start(std::uint64_t id);
  void ask(std::uint64_t id);
  void go_on(std::uint64_t id);
  void answer_read(std::uint64_t id);
  void repair_copies(const Operation& operation, const Entry& entry);
  void write(std::uint64_t id);
  void reserve();
  std::optional<Refused> judge_copies(Operation& operation) const;
  static bool is_hopeless(const Operation& operation);
  static Partly partly(const Operation& operation);
  static Refused refused_by_disks(const Operation& operation, std::size_t copies);
  void send_stores(std::uint64_t id);
  void stored(std::uint64_t id);
  void look_everywhere(std::uint64_t id, const std::vector<Dot>& dots);
  static Entry all_of(const std::map<Host, Entry>& seen);
  void give_up(std::uint64_t id);
  void fetch(std::uint64_t id);
  void finish(std::uint64_t id, const Answer& answer);
  void erase(std::uint64_t id);
  Instant next_tick() const;
  void tick_operations();
  std::vector<copies::Holder> holders_of(const Operation& operation) const;

  // copying.cpp
  void receive(NodeId from, copies::AskEntry&& message);
  void receive(NodeId from, copies::EntryIs&& message);
  void receive(NodeId from, copies::Store&& message);
  void receive(NodeId from, copies::Kept&& message);
  void receive(NodeId from, copies::NotKept&& message);
  void receive(NodeId from, copies::AskChunk&& message);
  void receive(NodeId from, copies::ChunkIs&& message);
  void receive(NodeId from, copies::AskRows&& message);
  void receive(NodeId from, copies::RowsAre&& message);
  void receive(NodeId from, copies::HasRead&& message);
  void go_on_taking(std::uint64_t id);
  void taken(std::uint64_t id, bool is_stored, const std::optional<Error>& failed = {});
  void tick_takings();

  // handing_over.cpp
  void begin_gaining(const std::string& name, Ring& ring);
  bool has_read_enough(const Ring& ring, const ReplicaSet& set, const std::set<Host>& read) const;
  void begin_repair(const std::string& name, Ring& ring, std::optional<NodeId> only);
  void read_on(const std::string& name, Ring& ring, bool gains);
  bool has_read_all(const std::string& name, Ring& ring);
  void check_hand_over(const std::string& name, Ring& ring);
  void has_done_its_part(const std::string& name, Ring& ring, const Host& host);
  void tick_hand_over();
  void begin_listing(std::shared_ptr<Work> work);
  void ask_rows(std::uint64_t id);
  void list(std::uint64_t id, bool is_late);
  void tick_listings();
  std::string name_of(NodeId host) const;

  // adopting.cpp
  void begin_adopting(const std::string& name, Ring& ring, std::set<NodeId> lost, std::shared_ptr<Work> work);
  void tick_adopting(const std::string& name, Ring& ring);
  void go_on_without(const std::string& name, Ring& ring);
  void tell_adopting(const std::string& name, const Ring& ring);
  void receive(NodeId from, copies::AskLiving&& message);
  void receive(NodeId from, copies::Living&& message);
  void receive(NodeId from, copies::Adopting&& message);

  // burying.cpp
  void begin_burying(const std::string& name, Ring& ring);
  void end_burying(Ring& ring, bool goes_on);
  void tick_burying(const std::string& name, Ring& ring);
  void receive(NodeId from, copies::AskBury&& message);
  void receive(NodeId from, copies::MayBury&& message);
  void receive(NodeId from, copies::Bury&& message);
  void answer_bury(NodeId from, copies::AskBury&& message);
  bool is_on_its_way(const std::string& name, const Ring& ring, const std::string& key) const;
  void wait_for_others(NodeId from, copies::AskBury&& message, const Ring& ring);
  void other_has_said(std::uint64_t id, NodeId other);
  void tick_graves();

  // comparing.cpp
  void compare(const std::string& name, Ring& ring, Source& source);
  void compared(const std::string& name, Ring& ring, Source& source);
  void ask_digests(const std::string& name, Ring& ring, Source& source);
  DigestWish& wish_for_digest(Ring& ring, const Host& with);
  void begin_reading(const std::string& name, Ring& ring);
  void read_digests(const std::string& name, std::uint64_t id, ReadDigests&& read);
  void tell_digest(const std::string& name, Ring& ring, const DigestWish& wish, Digest&& digest);
  void receive(NodeId from, copies::AskDigest&& message);
  void receive(NodeId from, copies::DigestIs&& message);
  void compare_again();

  // giving_back.cpp
  void begin_giving_back(const std::string& name, Ring& ring);
  void give_back(const std::string& name, Ring& ring);
  void tick_giving_back();
  bool has_handed_over(const std::string& name, const Ring& ring) const;

  // hinting.cpp
  void send_hints(copies::Store store, const std::set<Host>& stored, Hints& hints);
  void keep_hint(const std::string& name, const std::string& key, Entry entry);

  // delivering.cpp
  void deliver(std::uint64_t id, Delivery delivery);
  void send_again(std::uint64_t id);
  void delivered(std::uint64_t id, const Host& by);
  void tick_deliveries();

  // one_copy.cpp
  void ask_one(std::uint64_t id);
  void go_on_with_one(std::uint64_t id);
  void give_up_with_one(std::uint64_t id);
  void pass_over_writer(std::uint64_t id);
  bool writes_by_itself(const std::string& name, const std::string& key);
  void receive(NodeId from, copies::WritingOne&& message);
  void receive(NodeId from, copies::WriteOne&& message);
  void receive(NodeId from, copies::WroteOne&& message);
  void write_here(std::uint64_t id);
  void wrote_here(std::uint64_t id, WriteHere&& did);
  void answer_written(Written& written);
  void count_written(std::uint64_t delivery, std::uint32_t stored);

  // tracing.cpp
  static const std::shared_ptr<const chord::List>& members(Ring& ring);
  void begin_trace(std::shared_ptr<Work> work);
  void restart_trace(std::uint64_t id);
  void ask_route(std::uint64_t id);
  void send_route(const Tracing& tracing);
  void begin_fingers(std::shared_ptr<Work> work);
  void ask_places(std::uint64_t id);
  void receive(NodeId from, copies::AskRoute&& message);
  void receive(NodeId from, copies::RouteIs&& message);
  void receive(NodeId from, copies::AskPlaces&& message);
  void receive(NodeId from, copies::PlacesAre&& message);
  void tick_traces();

  NodeId self_;
  std::map<NodeId, std::string> names_;
  Instant now_;
  Token last_given_{};  // by the group, of all its numbers
  Token seen_{};        // the largest number of a ring that was looked at
  std::size_t rings_seen_ = 0;
  std::map<std::string, Ring> rings_;                                // of which this host is one
  std::optional<std::map<std::string, std::uint64_t>> memberships_;  // as the disk says
  bool reads_memberships_ = false;
  std::set<std::string> forgetting_;  // rings of which the disk is being told that this host has left
  Instant forget_again_{};            // after a disk has failed
  std::vector<std::shared_ptr<Work>> held_;
  std::uint64_t last_;  // number of an operation, a source, a taking or a listing; never 0
  std::map<std::uint64_t, Operation> operations_;
  std::map<std::pair<std::string, std::string>, std::deque<std::uint64_t>> writers_;
  std::map<std::uint64_t, Listing> listings_;
  std::map<std::uint64_t, Taking> takings_;
  std::map<std::uint64_t, Delivery> deliveries_;
  std::optional<Instant> compare_at_;  // with the next host, though nothing is known to be missed
  std::size_t next_compared_ = 0;
  std::map<std::uint64_t, Grave> graves_;
  std::map<NodeId, Instant> silent_;  // did not say that they live, and were not heard since
  // Writes by this copy that are done: asked for again, they are not done again.
  std::deque<Written> written_;
  std::map<std::uint64_t, Tracing> traces_;
  std::map<std::uint64_t, Fingering> fingerings_;
  std::uint64_t taking_bytes_ = 0;                                  // of their values
  std::map<std::uint64_t, std::pair<std::string, bool>> row_asks_;  // ring, and whether it gains
  std::uint64_t next_number_ = 0, end_number_ = 0;                  // of writes
  bool reserves_ = false;
  std::optional<Instant> tick_at_;
  std::deque<std::pair<NodeId, copies::Message>> to_self_;
  node::PartActions out_;
  std::uint64_t released_ = 0;
  bool changed_ = false;
};

}  // namespace coord::ring
