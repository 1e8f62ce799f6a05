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

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "node/node.hpp"
#include "ring/under_way.hpp"

namespace coord::ring {

inline constexpr std::size_t most_graves = 256;
inline constexpr std::size_t most_unfinished = 4096;                 // keys
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
  // How hosts are called that have come to the group since.
  void know_names(const std::map<NodeId, std::string>& names);
  // What a tool asks of this ring: here, of this host alone, or nobody knows yet.
  enum class Standing : std::uint8_t { unknown, alone, member };
  Standing standing(const std::string& ring) const;
  void begin(std::shared_ptr<Work> work);  // of a member; also AwaitHandOver and Forget of whoever
  std::string stored_ring(const std::string& ring) const;  // under which name it is on the disk
  static bool needs_no_other(const Work& work);            // it is about what is on this disk
  bool may_be_told_here(const Work& work) const;           // as long as its standing is unknown
  bool is_told_by_disk(const Work& work) const;            // what this disk says of it is its answer

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

  void hold(std::shared_ptr<Work> work);  // until it is known whether this host is in the ring
  void answer_status(StatusOf& status, const std::string& ring) const;

 private:
  using Source = under_way::Source;
  using Surplus = under_way::Surplus;
  using Hints = under_way::Hints;
  using Delivery = under_way::Delivery;
  using DigestWish = under_way::DigestWish;
  using Reading = under_way::Reading;
  using Burying = under_way::Burying;
  using Settling = under_way::Settling;
  using Grave = under_way::Grave;
  using Doubt = under_way::Doubt;
  using Ring = under_way::Ring;
  using Operation = under_way::Operation;
  using Listing = under_way::Listing;
  using Tracing = under_way::Tracing;
  using Fingering = under_way::Fingering;
  using Written = under_way::Written;
  using WroteFor = under_way::WroteFor;
  using Watching = under_way::Watching;
  using Waiter = under_way::Waiter;
  using Taking = under_way::Taking;

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
  void forget_gone(Ring& ring);
  void send(NodeId to, copies::Message message);
  void perform(Inner what, std::function<void(InnerWork&)> then);
  void tell(const Work& work, const Answer& answer);
  void set_member(const std::string& ring, std::uint64_t joined);
  void forget_ended();
  void keep_links();

  // closing.cpp
  bool is_closed(const std::string& name, const Ring& ring) const;
  bool is_mark_of_closed(const std::string& name, std::uint64_t number) const;
  void close(std::shared_ptr<Work> work);

  // ended.cpp
  void membership_ended(const std::string& name, const Ring& ring);
  void clean_up();

  // operations.cpp
  static std::set<Host> hosts_of(const std::map<Host, Entry>& seen);
  static bool writes(const Work& work);
  void start(std::uint64_t id);
  void let_others_pass(std::uint64_t id);
  void ask(std::uint64_t id);
  void go_on(std::uint64_t id);
  void answer_read(std::uint64_t id);
  void repair_copies(const Operation& operation, const Entry& entry);
  std::optional<Refused> judge_copies(Operation& operation) const;
  void look_everywhere(std::uint64_t id, const std::vector<Dot>& dots);
  static Entry all_of(const std::map<Host, Entry>& seen);
  void fetch(std::uint64_t id);
  void finish(std::uint64_t id, const Answer& answer);
  void erase(std::uint64_t id);
  Instant next_tick() const;
  void tick_operations();
  std::vector<copies::Holder> holders_of(const Operation& operation) const;

  // writing.cpp
  void write(std::uint64_t id);
  void reserve();
  static bool is_hopeless(const Operation& operation);
  static std::size_t lasting(const ReplicaSet& set, const std::set<Host>& stored);
  static Partly partly(const Operation& operation);
  static Refused refused_by_disks(const Operation& operation, std::size_t copies);
  void keep_unfinished(const Operation& operation);
  void forget_unfinished(const Operation& operation, const Entry& stored);
  Entry unheard_of(const Operation& operation, const Entry& known) const;
  void send_stores(std::uint64_t id);
  void stored(std::uint64_t id);
  void give_up(std::uint64_t id);

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
  void answer_awaiting(const Ring& ring);
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
  bool has_lost_its_disk(const std::string& name) const;
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
  bool is_on_its_way(const std::string& name, const Ring& ring, const copies::KeyAndEntry& row) const;
  void wait_for_others(NodeId from, copies::AskBury&& message, const Ring& ring);
  void other_has_said(std::uint64_t id, NodeId other);
  void tick_graves();

  // settling.cpp
  void settle_tombstones(const std::string& name, Ring& ring);
  void ask_to_settle(const std::string& name, const Ring& ring);
  bool heard_to_settle(const copies::EntryIs& message);

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

  // watching.cpp
  void begin_watching(std::shared_ptr<Work> work);
  void ask_changes(std::uint64_t id);
  void ask_changes_of(std::uint64_t id, const Host& host);
  void ask_changes_again(NodeId peer);
  bool has_watcher_behind(const std::string& name, const copies::KeyAndEntry& row) const;
  void end_watching(Watching& watching, const Answer& answer);
  void add_news(Watching& watching, copies::KeyAndEntry&& row, Page& page) const;
  static Page with_cursors(const Watching& watching, Page page);
  void look_whether_begun(Watching& watching, bool is_late);
  void read_changes(const std::pair<NodeId, std::uint64_t>& asker);
  void receive(NodeId from, copies::AskChanges&& message);
  void receive(NodeId from, copies::ChangesAre&& message);
  void tick_watching();

  // giving_back.cpp
  void begin_giving_back(const std::string& name, Ring& ring);
  void give_back(const std::string& name, Ring& ring);
  void tick_giving_back();
  bool has_handed_over(const std::string& name, const Ring& ring) const;

  // hinting.cpp
  void send_hints(copies::Store store, const std::set<Host>& stored, Hints& hints);
  void keep_hint(const std::string& name, const std::string& key, Entry entry);
  void add_surplus(Ring& ring, const std::string& key, Entry entry);
  std::vector<copies::Holder> own_values(const Entry& entry) const;
  static void read_surplus_again(Surplus& surplus);

  // delivering.cpp
  void deliver(std::uint64_t id, Delivery delivery);
  void end_older(const Delivery& delivery);
  void end_delivery(std::uint64_t id);
  void send_again(std::uint64_t id);
  static bool holds_others_up(const Delivery& delivery);
  void delivered(std::uint64_t id, const Host& by);
  void tick_deliveries();

  // one_copy.cpp
  void ask_one(std::uint64_t id);
  void go_on_with_one(std::uint64_t id);
  void give_up_with_one(std::uint64_t id);
  void pass_over_writer(std::uint64_t id);
  void next_writer(std::uint64_t id);
  bool writes_by_itself(const std::string& name, const std::string& key);
  void receive(NodeId from, copies::WritingOne&& message);
  void receive(NodeId from, copies::WriteOne&& message);
  void receive(NodeId from, copies::WroteOne&& message);
  void write_here(std::uint64_t id);
  void wrote_here(std::uint64_t id, WriteHere&& did);
  void answer_written(Written& written);
  void count_written(const WroteFor& asked, std::uint32_t stored);
  Written& remember_written(const WroteFor& asked, Written written);

  // collected.cpp
  bool is_collected(std::uint64_t id);
  void ask_elsewhere(std::uint64_t id);
  void heard_elsewhere(std::uint64_t id, const copies::EntryIs& message);
  static std::vector<Dot> waited_for(const Work& work);
  static const std::vector<Dot>* versions_named(const Work& work);  // by a write
  bool knows_what_is_named(std::uint64_t id);

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
  Instant read_memberships_again_{};  // after a disk has failed
  std::set<std::string> forgetting_;  // rings of which the disk is being told that this host has left
  Instant forget_again_{};            // after a disk has failed
  struct Held {
    std::shared_ptr<Work> work;
    std::optional<Instant> until;
  };
  std::vector<Held> held_;
  std::vector<std::shared_ptr<Work>> unheard_of_;  // of changes that this host has not heard of yet
  std::uint64_t last_;  // number of an operation, a source, a taking or a listing; never 0
  std::map<std::uint64_t, Operation> operations_;
  std::map<std::pair<std::string, std::string>, std::deque<std::uint64_t>> writers_;
  std::map<std::uint64_t, Listing> listings_;
  std::map<std::uint64_t, Taking> takings_;
  std::map<std::uint64_t, Delivery> deliveries_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> going_on_;  // the newest of a key, unawaited
  std::set<std::string> ended_;  // rings on the disk whose membership is over, and what was kept is elsewhere
  bool is_unclean_ = false;      // there may be some
  bool is_cleaning_ = false;
  Instant clean_not_before_{};
  std::optional<Instant> links_at_;    // when all hosts are spoken to, so that each is missed when it is away
  std::optional<Instant> compare_at_;  // with the next host, though nothing is known to be missed
  std::size_t next_compared_ = 0;
  std::map<std::uint64_t, Grave> graves_;
  std::map<std::uint64_t, Watching> watchings_;
  std::map<std::pair<NodeId, std::uint64_t>, Waiter> waiters_;  // who has asked, under which number
  bool has_news_ = false;                                       // for these
  std::optional<Instant> watch_at_;
  std::map<NodeId, Instant> silent_;  // did not say that they live, and were not heard since
  // Writes by this copy that are done: asked for again, they are not done again.
  std::map<WroteFor, Written> written_;
  std::deque<WroteFor> written_in_order_;
  std::map<std::uint64_t, Tracing> traces_;
  std::map<std::uint64_t, Fingering> fingerings_;
  std::uint64_t taking_bytes_ = 0;                                  // of their values
  std::map<std::uint64_t, std::pair<std::string, bool>> row_asks_;  // ring, and whether it gains
  std::uint64_t next_number_ = 0, end_number_ = 0;                  // of writes
  std::uint64_t life_ = 0;                                          // in whose name they are given
  bool takes_new_name_ = true;                                      // before the next one is given
  bool reserves_ = false;
  // By ring and key: what this host has sent out, and what a majority need not have heard of (writing.cpp).
  // Of each name the newest; without versions.
  std::map<std::pair<std::string, std::string>, Entry> unfinished_;
  std::optional<Instant> tick_at_;
  std::deque<std::pair<NodeId, copies::Message>> to_self_;
  node::PartActions out_;
  std::uint64_t released_ = 0;
  bool changed_ = false;
};

}  // namespace coord::ring
