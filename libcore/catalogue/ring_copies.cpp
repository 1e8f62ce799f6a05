// SPDX-License-Identifier: MIT
// The copies that a ring keeps of each key, as dsim knows them: the classes that run in coordd, on tables
// in memory, under people who use them at one level (ring_users.hpp) while hosts join, leave, move, crash,
// are cut off, have full disks, and lose one disk at a time. What a level promises is judged over the
// recorded history; in the end all copies are the same, on those hosts whose they are, and no record of a
// removal is left.
//
// What the group agrees on comes to each host late, and to one that was just started later
// (agreed_rings.hpp). A message is of the connection of two lives: it comes once and in order, or not at all.
#include "catalogue/ring_copies.hpp"

#include "base/format.hpp"
#include "catalogue/agreed_rings.hpp"
#include "catalogue/model.hpp"
#include "catalogue/ring_disks.hpp"
#include "catalogue/ring_seeds.hpp"
#include "catalogue/ring_situations.hpp"
#include "catalogue/ring_users.hpp"
#include "catalogue/runner.hpp"
#include "ring/memory_storage.hpp"
#include "ring/replicas.hpp"
#include "wire/codec.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;
using ring::Consistency;

struct RingCopiesModel : Model<RingCopiesModel> {
  struct Message {
    std::uint64_t from_life = 0, to_life = 0;
    Bytes bytes;
  };
  struct Node {
    std::unique_ptr<ring::Replicas> replicas;
    std::unique_ptr<ring::StorageWorker> worker;
    std::vector<std::shared_ptr<ring::Work>> for_disk;  // what is asked of this disk alone
  };
  using Port = sim::Port<RingCopiesModel>;
  using Input = std::function<void(Node&, Port&)>;
  struct Job {
    NodeId host;
    std::vector<std::shared_ptr<node::Work>> batch;
  };
  bool never_idle() const override { return true; }

  explicit RingCopiesModel(const Setup& setup)
      : seed_(setup.seed),
        nodes_(setup.nodes),
        faults_(setup.faults),
        random_(setup.seed ^ 0x72696e67U),
        agreed_(ring_name, founded_ring(setup)),
        users_(world_of_users(), setup.seed, ring_level(setup.seed)) {
    for (const ring::Host& host : agreed_.ring().hosts)
      tables_[host.host].memberships[ring_name] = host.joined.value;
  }

  // ---- the world's hooks
  Result<std::unique_ptr<Node>> start(Instant, Port& port) {
    const NodeId self = port.self();
    auto node = std::make_unique<Node>();
    ++lives_[self];
    node->replicas =
        std::make_unique<ring::Replicas>(self, std::map<NodeId, std::string>{}, port.random().next());
    ring::MemoryTable& table = tables_[self];
    node->worker = std::make_unique<ring::StorageWorker>(
        self, [&table]() -> Result<std::unique_ptr<ring::Storage>> { return ring::open_memory(table); });
    known_.erase(self);
    in(random_.between(5ms, 300ms), [this, self] { hear(self, agreed_.newest()); });
    in(random_.between(1ms, 50ms), [this, self] { greet({self}); });
    in(400ms, [this, self] { drive(self); });
    if (has_watchers()) {
      in(500ms, [this, self, life = lives_[self]] {
        if (lives_[self] == life) users_.watch(self);
      });
    }
    return node;
  }
  void on_message(Node& node, Instant now, NodeId from, Message message, Port& port) {
    if (message.to_life != lives_[port.self()] || message.from_life != lives_[from]) return;
    if (busy_.contains(port.self()) && type_of(message) == "store") return;
    look(node, now, port.self());
    if (!node.replicas->heard(node::FromPeer{from, message.bytes}))
      world().fail("messages_can_be_read", describe(message), port.self());
    go_on(node, port);
  }
  void on_input(Node& node, Instant now, const Input& input, Port& port) {
    look(node, now, port.self());
    input(node, port);
    go_on(node, port);
  }
  std::optional<Instant> deadline(const Node& node) const { return node.replicas->deadline(); }
  void on_tick(Node& node, Instant now, Port& port) {
    look(node, now, port.self());
    go_on(node, port);
  }
  // An armed crash strikes before or behind what is committed at once.
  void perform(Node& node, Job& job) {
    static_cast<void>(world().disk(job.host).sync_directory());
    node.worker->perform(job.batch);
    static_cast<void>(world().disk(job.host).sync_directory());
  }
  static bool merge(Job& first, Job& second) {
    std::ranges::move(second.batch, std::back_inserter(first.batch));
    return true;
  }
  void on_done(Node& node, Instant now, Job job, Port& port) {
    look(node, now, port.self());
    for (const auto& work : job.batch) {
      if (auto* inner = dynamic_cast<ring::InnerWork*>(work.get())) {
        node.replicas->worked(*inner);
      } else {
        told_by_disk(node, std::static_pointer_cast<ring::Work>(work));
      }
    }
    go_on(node, port);
  }
  void on_crash(NodeId node) {
    Model::on_crash(node);
    for (auto asked = asked_.begin(); asked != asked_.end();) {
      if (asked->second.at != node) {
        ++asked;
        continue;
      }
      const auto then = std::move(asked->second.then);
      asked_.erase(asked);
      then(nullptr);
      asked = asked_.begin();
    }
  }
  std::string describe(const Message& message) const {
    return fmt::format("{} of {} bytes", type_of(message), message.bytes.size());
  }
  std::string_view type_of(const Message& message) const {
    static constexpr std::array names{
        "ask-entry", "entry-is",  "store",    "kept",       "ask-chunk",   "chunk-is",    "ask-rows",
        "rows-are",  "has-read",  "not-kept", "ask-route",  "route-is",    "ask-places",  "places-are",
        "write-one", "wrote-one", "adopting", "ask-digest", "digest-is",   "writing-one", "ask-living",
        "living",    "ask-bury",  "may-bury", "bury",       "ask-changes", "changes-are"};
    static_assert(names.size() == std::variant_size_v<ring::copies::Message>);
    return names.at(message.bytes.at(0));
  }

  // ---- what is asked
  void ask(OperationId operation, NodeId node) override {
    book().begin(operation, world().now());
    const auto over = [this, operation] { book().end(operation, world().now()); };
    if (agreed_.host(node) == nullptr) {
      if (!agreed_.is_changing()) change(node, [&] { agreed_.join(node, places(), ring_zone(seed_, node)); });
      return over();
    }
    const std::uint64_t dice = random_.below(100);
    if (dice < 8 && !agreed_.is_changing() && lost_.empty()) {
      leave_or_move(node);
      return over();
    }
    if (dice < 12 && may_lose_disk()) {
      lose_disk(node);
      return over();
    }
    if (dice < 16) fill_disk(node);
    users_.act(node, over);
  }
  void watch() override {
    for (const sim::Fault& fault : faults_)
      world().at(fault.at + fault.length + 1ms, [this, nodes = fault.nodes] { greet(nodes); });
  }
  std::optional<std::string> at_end() override {
    std::vector<NodeId> all;
    for (std::uint64_t i = 1; i <= nodes_; ++i) all.push_back(NodeId{i});
    greet(all);
    for (int seconds = 0; seconds < 180 && !is_calm(); ++seconds) world().run_for(1s);
    if (world().violation()) return std::nullopt;
    if (auto missed = Model::at_end()) return missed;
    if (!is_calm()) return fmt::format("a change of the ring does not end, or a host does not come again");
    // Who watches is judged by what was told last before.
    if (!has_watchers()) played_ = play_situations(stage(all));
    world().run_for(20s);
    if (!world().violation() && users_.unfinished() > 0)
      return fmt::format("{} puts, gets or rms were never answered", users_.unfinished());
    if (!read_all()) return "a last read was not answered";
    users_.judge();
    // Comparing, and collecting what was removed.
    world().run_for(20min);
    if (world().violation()) return std::nullopt;
    if (const auto found = objection_to_disks(agreed_.ring(), tables_))
      world().fail(found->check, found->why);
    if (!read_all()) return "a last read was not answered";
    users_.judge();
    users_.judge_watchers();
    if (!read_all_after_restarts()) return "a read right after a restart was not answered";
    users_.judge();
    return std::nullopt;
  }
  std::vector<std::string> situations() const override { return played_; }

 private:
  // They keep records of removals, for a while: not in each run.
  bool has_watchers() const { return seed_ % 4 == 0; }
  RingStage stage(const std::vector<NodeId>& all) {
    return {agreed_.ring(),
            users_,
            [this](Duration time) { world().run_for(time); },
            [this](const std::vector<NodeId>& side) { world().network().split(side); },
            [this, all] {
              world().network().heal();
              greet(all);
            },
            [this](NodeId host, bool is_full) { tables_[host].is_full = is_full; },
            [this](NodeId host, bool is_busy) {
              is_busy ? static_cast<void>(busy_.insert(host)) : static_cast<void>(busy_.erase(host));
            }};
  }

  // ---- hosts
  void in(Duration time, std::function<void()> action) {
    world().at(world().now() + time, std::move(action));
  }
  void look(Node& node, Instant now, NodeId self) {
    const auto known = known_.find(self);
    if (known == known_.end()) return node.replicas->look_at(now, nullptr, {});
    const AgreedRings::State& state = agreed_.state(known->second);
    node.replicas->look_at(now, &state.rings, state.last);
  }
  void go_on(Node& node, Port& port) {
    node.replicas->tick();
    for (auto& work : node.replicas->take_ready()) submit(node, std::move(work));
    node.replicas->tick();
    static_cast<void>(node.replicas->take_released());
    static_cast<void>(node.replicas->take_changed());
    Job job{port.self(), {}};
    for (auto& action : node.replicas->take_actions()) {
      if (auto* send = std::get_if<node::Send>(&action))
        port.send_ordered(send->to, Message{lives_[port.self()], lives_[send->to], std::move(send->bytes)});
      if (auto* work = std::get_if<node::Do>(&action)) {
        judge_drop(port.self(), *work->work);
        job.batch.push_back(std::move(work->work));
      }
      if (auto* answer = std::get_if<node::ToTool>(&action)) answered(answer->request, answer->bytes);
    }
    std::ranges::move(std::exchange(node.for_disk, {}), std::back_inserter(job.batch));
    if (!job.batch.empty()) port.job(std::move(job));
  }
  // These see all others again, and these see them.
  void greet(const std::vector<NodeId>& nodes) {
    for (const NodeId one : nodes) {
      for (std::uint64_t i = 1; i <= nodes_; ++i) {
        const NodeId other{i};
        if (other == one || !world().lives(one) || !world().lives(other)) continue;
        if (world().network().is_cut(one, other) || world().network().is_cut(other, one)) continue;
        world().input(one, [other](Node& node, Port&) { node.replicas->greeted(other); });
        world().input(other, [one](Node& node, Port&) { node.replicas->greeted(one); });
      }
    }
  }

  // ---- tools
  struct Asked {
    NodeId at;
    RingUsers::Then then;
  };
  RingUsers::World world_of_users() {
    return {[this] { return world().now(); },
            [this](NodeId at, ring::Request what, Bytes value, RingUsers::Then then) {
              ask_host(at, std::move(what), std::move(value), std::move(then));
            },
            [this](NodeId at, ring::Request what, Bytes value, Duration patience, RingUsers::Then then) {
              const std::uint64_t request = ask_host(at, std::move(what), std::move(value), std::move(then));
              in(patience, [this, request] { give_up(request); });
            },
            [this](std::string check, std::string why) { world().fail(std::move(check), std::move(why)); }};
  }
  std::uint64_t ask_host(NodeId at, ring::Request what, Bytes value, RingUsers::Then then) {
    auto work = std::make_shared<ring::Work>();
    work->request = ++last_request_;
    work->connection = replica::ConnectionId{last_request_};
    // A watch goes on where it was.
    if (std::holds_alternative<ring::Watch>(what))
      work->connection = replica::ConnectionId{watched_by + at.value};
    work->what = std::move(what);
    work->value = std::move(value);
    work->time = WallTime{world().now().time_since_epoch().count()};
    work->all_users = true;
    asked_[work->request] = {at, std::move(then)};
    // A host that is down is not asked.
    if (!world().lives(at)) {
      in(1ms, [this, request = work->request] { give_up(request); });
    } else {
      world().input(at, [this, work](Node& node, Port&) { submit(node, work); });
    }
    return work->request;
  }
  void submit(Node& node, std::shared_ptr<ring::Work> work) {
    const bool is_change = std::holds_alternative<ring::AwaitHandOver>(work->what) ||
                           std::holds_alternative<ring::Forget>(work->what);
    const auto standing = node.replicas->standing(ring_name);
    if (standing == ring::Replicas::Standing::unknown && node.replicas->may_be_told_here(*work)) {
      work->stored_ring = node.replicas->stored_ring(ring_name);
      return node.for_disk.push_back(std::move(work));
    }
    if (standing == ring::Replicas::Standing::unknown && !is_change)
      return node.replicas->hold(std::move(work));
    // Alone, it would use a ring of its own: that is no business of this one.
    if (standing == ring::Replicas::Standing::alone && !is_change)
      return in(Duration{}, [this, request = work->request] { give_up(request); });
    node.replicas->begin(std::move(work));
  }
  void told_by_disk(Node& node, std::shared_ptr<ring::Work> work) {
    if (!node.replicas->is_told_by_disk(*work)) return submit(node, std::move(work));
    answered(work->request, wire::encode(work->answer));
  }
  void give_up(std::uint64_t request) {
    const auto found = asked_.find(request);
    if (found == asked_.end()) return;
    const Asked asked = std::move(found->second);
    asked_.erase(found);
    if (world().lives(asked.at)) {
      world().input(asked.at, [request](Node& node, Port&) {
        node.replicas->tool_gone(replica::ConnectionId{request});
      });
    }
    asked.then(nullptr);
  }
  void answered(std::uint64_t request, const Bytes& bytes) {
    const auto found = asked_.find(request);
    if (found == asked_.end()) return;
    const auto then = std::move(found->second.then);
    asked_.erase(found);
    const auto answer = wire::decode<ring::Answer>(bytes);
    COORD_CHECK(answer.ok());
    then(&*answer);
  }

  // ---- the ring
  std::uint32_t places() { return 4 + 4 * static_cast<std::uint32_t>(random_.below(3)); }
  template <class Change>
  void change(NodeId host, const Change& change) {
    change();
    changer_ = host;
    note(host);
    told();
    in(1ms, [this, host] { drive(host); });
  }
  // Which ring the group has agreed on, by this host's order.
  void note(NodeId host) {
    if (!world().traced()) return;
    const auto names = [](const std::vector<ring::Host>& hosts) {
      std::string text;
      for (const ring::Host& each : hosts) text += fmt::format(" {}/{}", each.host.value, each.joined.value);
      return text;
    };
    world().note(host, fmt::format("orders ring {}:{} |{}", agreed_.ring().number.value,
                                   names(agreed_.ring().hosts), names(agreed_.ring().before)));
  }
  // Of the newest state all hear, some later than others.
  void told() {
    for (std::uint64_t i = 1; i <= nodes_; ++i) {
      const Duration later = random_.chance(0.1) ? random_.between(1ms, 5s) : random_.between(1ms, 100ms);
      in(later, [this, host = NodeId{i}, number = agreed_.newest()] { hear(host, number); });
    }
  }
  void hear(NodeId host, std::size_t number) {
    if (!world().lives(host)) return;
    const auto [known, is_first] = known_.emplace(host, number);
    known->second = std::max(known->second, number);
    world().input(host, [](Node&, Port&) {});
  }
  // As `chordctl join` and `leave` do it, and again when they were interrupted.
  void drive(NodeId host) {
    if (!world().lives(host)) return;
    if (agreed_.host(host) != nullptr && lost_.contains(host) && !agreed_.is_changing())
      return change(host, [&] { agreed_.join(host, places(), ring_zone(seed_, host)); });
    if (!agreed_.is_changing() || host != changer_) {
      if (lost_.contains(host)) in(500ms, [this, host] { drive(host); });
      return;
    }
    const Token number = agreed_.ring().number;
    ask_host(host, ring::AwaitHandOver{ring_name, number, {}}, {}, [this, host, number](const auto* answer) {
      if (answer == nullptr) return;
      if (!std::holds_alternative<ring::HandedOver>(*answer)) return in(1s, [this, host] { drive(host); });
      if (agreed_.ring().number != number || !agreed_.is_changing()) return;
      agreed_.settle();
      note(host);
      lost_.erase(host);
      told();
      if (agreed_.host(host) == nullptr)
        in(200ms, [this, host] { ask_host(host, ring::Forget{ring_name}, {}, [](const auto*) {}); });
    });
  }
  void leave_or_move(NodeId host) {
    if (agreed_.ring().hosts.size() > 2 && random_.chance(0.6)) {
      change(host, [&] { agreed_.leave(host); });
    } else {
      change(host, [&] { agreed_.move(host, places(), ring_zone(seed_ + random_.below(2) * 4, host)); });
    }
  }
  // What a majority has survives one disk, and what one copy has does not.
  bool may_lose_disk() const {
    return users_.level() == Consistency::quorum && lost_.empty() && !agreed_.is_changing() &&
           std::min<std::size_t>(agreed_.ring().replicas, agreed_.ring().hosts.size()) > 2;
  }
  void lose_disk(NodeId host) {
    lost_.insert(host);
    in(Duration{}, [this, host] {
      world().note(host, "loses its disk");
      world().crash(host, sim::CrashKind::process);
      // Numbers of a new file begin at the time.
      ring::MemoryTable empty;
      empty.last_write = empty.last_change =
          static_cast<std::uint64_t>(world().now().time_since_epoch() / 1us);
      tables_[host] = empty;
    });
    in(random_.between(100ms, 3s), [this, host] { world().start(host); });
  }
  void fill_disk(NodeId host) {
    tables_[host].is_full = true;
    in(random_.between(100ms, 3s), [this, host] { tables_[host].is_full = false; });
  }

  // ---- the end
  bool is_calm() const { return !agreed_.is_changing() && lost_.empty() && book().all_over(); }
  bool read_all(Consistency level = Consistency::quorum) {
    const std::size_t before = users_.final_reads();
    for (const ring::Host& host : agreed_.ring().hosts) users_.read_all(host.host, level);
    world().run_for(10s);
    return world().violation() || users_.final_reads() == before + 3 * agreed_.ring().hosts.size();
  }
  // No host has heard from the group yet: one copy answers if it is that of the host which is asked.
  bool read_all_after_restarts() {
    for (const ring::Host& host : agreed_.ring().hosts) {
      world().crash(host.host, sim::CrashKind::process);
      world().start(host.host);
    }
    return read_all(Consistency::one);
  }
  void judge_drop(NodeId host, const node::Work& work) {
    const auto heard = known_.find(host);
    if (!lost_.empty() || heard == known_.end()) return;
    const auto& rings = agreed_.state(heard->second).rings.rings;
    const auto ring = rings.find(ring_name);
    if (ring == rings.end()) return;
    const service::Ring& known = ring->second;
    if (const auto found = objection_to_drop(work, known, tables_))
      world().fail(found->check, found->why, host);
  }

  static constexpr std::uint64_t watched_by = std::uint64_t{1} << 40U;
  std::uint64_t seed_;
  std::size_t nodes_;
  std::vector<sim::Fault> faults_;
  Random random_;
  AgreedRings agreed_;
  RingUsers users_;
  std::map<NodeId, ring::MemoryTable> tables_;
  std::map<NodeId, std::uint64_t> lives_;
  std::map<NodeId, std::size_t> known_;  // up to which state each has heard
  std::map<std::uint64_t, Asked> asked_;
  std::uint64_t last_request_ = 0;
  NodeId changer_;
  std::vector<std::string> played_;
  std::set<NodeId> busy_;  // hosts that take nothing to store
  std::set<NodeId> lost_;  // hosts whose disks were lost, until they have come again
};

}  // namespace

Protocol ring_copies() {
  Protocol p;
  p.name = "ring-copies";
  p.family = "overlay";
  p.summary = "copies of a ring's values (DeCandia et al. 2007)";
  p.stands.kinds = Stands::of_links();
  p.stands.kinds.erase(sim::FaultKind::loss_burst);
  p.stands.kinds.insert(sim::FaultKind::process_crash);
  p.stands.kinds.insert(sim::FaultKind::crash_in_call);
  p.stands.reordering = false;
  p.least_nodes = 3;
  p.most_nodes = 16;
  p.sweep_most = 6;
  p.rules = {"ring_write_wants_a_majority",
             "ring_leaver_hands_over_first",
             "ring_incomplete_copy_is_silent",
             "ring_sibling_is_kept",
             "ring_writes_of_a_key_in_line",
             "ring_replaced_stays_replaced",
             "ring_causal_read_waits_for_its_past",
             "ring_changes_are_told_by_the_keys_hosts",
             "ring_key_that_is_not_here_may_be_elsewhere",
             "ring_hint_is_not_counted",
             "ring_tombstone_is_with_all_hosts",
             "ring_reader_follows_dependencies",
             "ring_arc_is_dropped_when_all_have_it"};
  p = describe<RingCopiesModel>(std::move(p));
  p.run = [run = std::move(p.run)](const Setup& setup) { return run(in_ring_time(setup)); };
  return p;
}

}  // namespace coord::catalogue
