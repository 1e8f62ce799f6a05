// SPDX-License-Identifier: MIT
// The parts of several peers that decide by classical algorithms, and a network between them that loses what
// it is told to.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agreements/part.hpp"
#include "node/node.hpp"
#include "wire/archive.hpp"

namespace coord::agreements::test {

inline constexpr Token generation{7};

// A log that each node has as it is told.
class ToldLog final : public GroupLog {
 public:
  struct State {
    std::optional<Known> known;
    bool behind = false;
    Token forgotten{};
    std::optional<std::vector<NodeId>> voters;
    std::set<SessionId> parts;  // of a region
    bool quorum = true;
    std::optional<KnownDeal> deal;
    bool is_gathering = false;  // not all of the deal have come
    std::vector<GroupLog::Wait> waits;
    std::map<NodeId, std::string> members;
    LogIndex members_at;
    std::set<NodeId> removed;
    bool has_nothing = true;  // the group is not founded yet
    std::string group = "this group";
  };
  explicit ToldLog(const State& state) : state_(state) {}
  std::optional<Known> find(const node::Moment&, Token of) const override {
    return of == generation && !state_.behind ? state_.known : std::nullopt;
  }
  std::optional<KnownDeal> deal(const node::Moment&, Token of) const override {
    return of == generation && !state_.behind && !state_.is_gathering ? state_.deal : std::nullopt;
  }
  bool has_deal(const node::Moment&, Token of) const override {
    return of == generation && !state_.behind && state_.deal;
  }
  std::map<NodeId, std::string> members(const node::Moment&) const override { return state_.members; }
  LogIndex members_at(const node::Moment&) const override { return state_.members_at; }
  bool has_place(const node::Moment&, NodeId node) const override { return !state_.removed.contains(node); }
  bool has_nothing(const node::Moment&) const override { return state_.has_nothing; }
  std::string group(const node::Moment&) const override { return state_.group; }
  std::vector<Wait> waits(const node::Moment&) const override { return state_.waits; }
  // Session 10 * n and those after it are of node n.
  std::optional<NodeId> home_of(const node::Moment&, SessionId session) const override {
    return NodeId{session.value / 10};
  }
  bool has_come_to(const node::Moment&, Token) const override { return !state_.behind; }
  Token last_forgotten(const node::Moment&) const override { return state_.forgotten; }
  std::optional<std::vector<NodeId>> voters(const node::Moment&) const override { return state_.voters; }
  PartOf part_of(const node::Moment&, SessionId session, std::uint64_t, std::uint32_t uid,
                 const std::string&) const override {
    if (uid != 0) return {PartOf::Standing::never, {}};
    if (state_.behind) return {PartOf::Standing::not_yet, {}};
    if (!takes_part({}, generation, session)) return {PartOf::Standing::never, {}};
    return {PartOf::Standing::takes_part, generation};
  }
  SessionId session_of(const node::Moment&, replica::ConnectionId tool) const override {
    return state_.parts.contains(SessionId{tool.value}) ? SessionId{tool.value} : SessionId{};
  }
  LogIndex position(const node::Moment&) const override { return LogIndex{++asked_}; }
  std::vector<Token> epochs_of(const node::Moment& moment, NodeId node, std::uint64_t life) const override {
    if (!is_epoch(moment, generation)) return {};
    const auto* site = state_.known->site(node);
    return site != nullptr && site->life == life ? std::vector{generation} : std::vector<Token>{};
  }
  bool is_epoch(const node::Moment&, Token of) const override {
    return of == generation && !state_.behind && state_.known && state_.known->region;
  }
  bool has_quorum(const node::Moment&) const override { return state_.quorum; }
  bool takes_part(const node::Moment&, Token of, SessionId session) const override {
    return of == generation && state_.known && state_.known->region && state_.parts.contains(session);
  }

 private:
  const State& state_;
  mutable std::uint64_t asked_ = 0;
};

struct Network {
  struct Carried {
    NodeId from, to;
    Bytes bytes;
  };
  Instant now{std::chrono::seconds(1)};
  std::size_t size, founders;  // the first so many have founded the group
  std::map<NodeId, std::unique_ptr<AgreementsPart>> parts{};
  std::map<NodeId, Shelf> shelves{};
  std::deque<Carried> on_way{}, late{};
  std::optional<std::pair<NodeId, NodeId>> slow{};  // what goes there from here is late
  std::set<NodeId> cut{}, stalled{}, full{};
  std::map<NodeId, std::deque<std::shared_ptr<node::Work>>> work{};
  std::map<NodeId, std::vector<ToTool>> told{};
  std::map<NodeId, ToldLog::State> log{};
  std::function<Keys(NodeId)> keys{};  // of each node; none: it signs nothing
  std::map<NodeId, std::map<std::string, PublicKey>> pins{};
  std::map<NodeId, std::vector<std::string>> reports{};
  std::map<NodeId, std::function<void(const Carried&)>> taken_over{};  // what comes for a node goes there
  std::set<std::uint64_t> stopped{};  // tools that do not say that they begin
  std::uint64_t lives = 0;
  std::size_t saves = 0;

  explicit Network(std::size_t nodes, std::function<Keys(NodeId)> given = {}, std::size_t founding = 0)
      : size(nodes), founders(founding == 0 ? nodes : founding), keys(std::move(given)) {
    for (std::uint64_t i = 1; i <= nodes; ++i) {
      shelves[NodeId{i}].disk = 100 + i;
      start(NodeId{i});
    }
  }

  node::Moment moment() const { return {now, {}, 2, nullptr, true}; }
  void start(NodeId node) {
    node::Setting setting;
    setting.self = node;
    for (std::uint64_t i = 1; i <= founders; ++i) setting.founders.push_back(NodeId{i});
    setting.seed = ++lives;
    setting.now = now;
    work[node].clear();
    Keys own = keys ? keys(node) : Keys{};
    own.pinned.merge(std::map(pins[node]));
    parts[node] = std::make_unique<AgreementsPart>(
        setting, shelves[node], std::make_unique<ToldLog>(log[node]), Trace{}, std::move(own));
    for (auto& [other, part] : parts) {
      if (other == node) continue;
      step(other, node::Greeted{node});
      step(node, node::Greeted{other});
    }
  }
  void step(NodeId node, const node::Event& event) {
    perform(node, parts[node]->step(moment(), event));
    perform(node, parts[node]->settle(moment()));
    begin_the_entered();
  }
  struct HasEntered {
    NodeId node;
    std::uint64_t session = 0;
    Token token;
  };
  std::deque<HasEntered> entered{};  // and have not begun
  std::size_t begun = 0;
  void begin_the_entered() {
    while (!entered.empty()) {
      const auto [node, session, token] = entered.front();
      entered.pop_front();
      if (!stopped.contains(session)) ask_as(node.value, session, Begin{SessionId{session}, 1, token});
    }
  }
  void perform(NodeId node, node::PartActions actions) {
    for (node::PartAction& action : actions) {
      if (auto* send = std::get_if<node::Send>(&action)) {
        on_way.push_back({node, send->to, std::move(send->bytes)});
      } else if (auto* tool = std::get_if<node::ToTool>(&action)) {
        const ToTool what = *wire::decode<ToTool>(tool->bytes);
        if (std::holds_alternative<Begun>(what)) ++begun;
        if (std::holds_alternative<Begun>(what)) continue;
        told[node].push_back(what);
        if (const auto* in = std::get_if<Entered>(&what))
          entered.push_back({node, tool->connection.value, in->token});
      } else if (auto* report = std::get_if<node::Report>(&action)) {
        reports[node].push_back(report->text);
      } else if (auto* todo = std::get_if<node::Do>(&action)) {
        work[node].push_back(todo->work);
      }
    }
  }
  bool does_some_work() {
    for (auto& [node, queue] : work) {
      if (queue.empty() || stalled.contains(node)) continue;
      const auto done = queue.front();
      queue.pop_front();
      ++saves;
      if (auto* pin = dynamic_cast<Pin*>(done.get())) {
        if (pin->by_hand) pins[node].erase(pin->host);
        pin->key = pins[node].emplace(pin->host, pin->key).first->second;
        step(node, node::Worked{done});
        return true;
      }
      Save& save = dynamic_cast<Save&>(*done);
      const Kept& kept = save.kept;
      if (full.contains(node)) {
        save.outcome = Error{ErrorKind::data, "agreement-7", "no space left", "make room"};
      } else if (kept.records.empty()) {
        shelves[node].kept.erase(kept.generation);
      } else {
        shelves[node].kept[kept.generation] = kept;
      }
      step(node, node::Worked{done});
      return true;
    }
    return false;
  }
  void run(Duration length, const std::function<bool()>& until = {}) {
    const Instant end = now + length;
    for (;;) {
      if (until && until()) return;
      if (does_some_work()) continue;
      if (!on_way.empty()) {
        const Carried next = std::move(on_way.front());
        on_way.pop_front();
        if (cut.contains(next.from) || cut.contains(next.to)) continue;
        if (const auto hook = taken_over.find(next.to); hook != taken_over.end()) {
          hook->second(next);
          continue;
        }
        if (slow == std::pair(next.from, next.to)) {
          late.push_back(next);
        } else {
          step(next.to, node::FromPeer{next.from, next.bytes, 2, node::Way::stream});
        }
        continue;
      }
      Instant at = end;
      for (const auto& [node, part] : parts) at = std::min(at, part->deadline().value_or(end));
      now = std::max(now, at);
      if (now >= end) return;
      for (const auto& [node, part] : parts) {
        if (part->deadline() && *part->deadline() <= now) step(node, node::Tick{});
      }
      now += std::chrono::milliseconds(1);
    }
  }

  void ask(NodeId node, const FromTool& what) {
    step(node, node::FromTool{replica::ConnectionId{1}, {0, "root", {}, 2}, 1, wire::encode(what, 2)});
  }
  // Who lives, of those who have nothing yet.
  void found() {
    for (auto& [node, state] : log) state.has_nothing = false;
    for (auto& [node, part] : parts) step(node, node::Tick{});
  }
  // All nodes up to `sites` are the sites, as they are now.
  void open(std::string_view algorithm, std::uint64_t sites, bool region = false) {
    found();
    ask(NodeId{1}, GetSites{});
    run(std::chrono::milliseconds(600));
    auto found = std::get<Sites>(told[NodeId{1}].back()).sites;
    found.resize(sites);
    for (std::uint64_t i = 1; i <= size; ++i)
      log[NodeId{i}].known = Known{"plan", algorithm, found, region, std::uint64_t{1} << 24U};
  }
  void open(service::Agreement algorithm, std::uint64_t sites) {
    open(algorithm == service::Agreement::exchange ? "promise-exchange" : name_of(algorithm), sites);
  }
  // All logs have these as hosts of the group, and as its voters.
  void all_vote(std::uint64_t count) {
    for (auto& [node, state] : log) {
      state.voters.emplace();
      for (std::uint64_t i = 1; i <= size; ++i) state.members[NodeId{i}] = std::to_string(i);
      for (std::uint64_t i = 1; i <= count; ++i) state.voters->push_back(NodeId{i});
      ++state.members_at.value;
    }
    for (auto& [node, part] : parts) step(node, node::Tick{});
  }
  // All have looked at the log as it is now.
  void look() {
    for (auto& [node, part] : parts) step(node, node::Tick{});
  }
  // It asks the log to take part.
  void enter_ahead(std::uint64_t node, std::uint64_t session) {
    ask_as(node, session, EnterAhead{"plan", 1, {}});
  }
  void take_part(std::uint64_t session) {
    for (auto& [other, state] : log) state.parts.insert(SessionId{session});
    look();
  }
  // A tool of `node`, whose connection and session have this number, takes part and waits to enter.
  void enter(std::uint64_t node, std::uint64_t session, bool at_once = false,
             std::vector<SessionId> outer = {}) {
    for (auto& [other, state] : log) state.parts.insert(SessionId{session});
    ask_as(node, session, Enter{SessionId{session}, 1, at_once, std::move(outer)});
  }
  void ask_as(std::uint64_t node, std::uint64_t session, const FromTool& what) {
    step(NodeId{node},
         node::FromTool{replica::ConnectionId{session}, {0, "root", {}, 2}, 1, wire::encode(what, 2)});
  }
  void gone(std::uint64_t node, std::uint64_t session) {
    step(NodeId{node}, node::ToolGone{replica::ConnectionId{session}});
  }
  // Whoever was told last that it has entered.
  void leave_inside() {
    for (auto& [node, part] : parts) {
      if (const auto inside = part->inside(generation)) return leave(inside->value);
    }
  }
  void leave(std::uint64_t session) {
    for (auto& [other, state] : log) state.parts.erase(SessionId{session});
    for (auto& [other, part] : parts) step(other, node::Tick{});
  }
  // A transaction of which each node has one participant, a on 1, b on 2...; the one on 1 began it.
  void open_deal(service::CommitBy by, Duration bound = {}) {
    KnownDeal deal{"deploy", by, bound, {}, 0};
    for (std::uint64_t i = 1; i <= size; ++i) {
      const std::string id(1, static_cast<char>('a' + i - 1));
      deal.participants.push_back({id, i, "root", {NodeId{i}, shelves[NodeId{i}].disk, 0, "host-" + id}});
    }
    for (std::uint64_t i = 1; i <= size; ++i) log[NodeId{i}].deal = deal;
  }
  void deal(std::uint64_t node, AskDeal::What what, std::uint32_t uid = 0) {
    const std::string id(1, static_cast<char>('a' + node - 1));
    step(NodeId{node}, node::FromTool{replica::ConnectionId{node},
                                      {uid, uid == 0 ? "root" : "bob", {}, 2},
                                      1,
                                      wire::encode(FromTool(AskDeal{generation, id, node, what}), 2)});
  }
  std::string deals_told() {
    std::string all;
    for (std::uint64_t i = 1; i <= size; ++i) all += (i > 1 ? ", " : "") + last_told(i);
    return all;
  }
  void forget() {
    std::set<NodeId> all;
    for (const auto& [node, state] : log) all.insert(node);
    forget_at(all);
  }
  void forget_at(const std::set<NodeId>& nodes) {
    for (const NodeId node : nodes) {
      ToldLog::State& state = log[node];
      state.known.reset();
      state.deal.reset();
      state.forgotten.value++;
      step(node, node::Tick{});
    }
  }
  void propose(std::uint64_t node, std::string value) {
    ask(NodeId{node}, Propose{generation, std::move(value)});
  }
  std::string last_told(std::uint64_t node) {
    if (told[NodeId{node}].empty()) return "";
    const ToTool& what = told[NodeId{node}].back();
    if (const auto* decided = std::get_if<Decided>(&what)) return "decided " + decided->value;
    if (const auto* why = std::get_if<CannotTell>(&what)) return name_of(why->why);
    if (std::holds_alternative<Entered>(what)) return "entered";
    if (const auto* missing = std::get_if<Missing>(&what)) return "missing: " + missing->text;
    if (std::holds_alternative<Busy>(what)) return "busy";
    if (std::holds_alternative<PassedOn>(what)) return "passed on";
    if (const auto* is = std::get_if<DealIs>(&what)) return name_of(is->stage);
    if (const auto* withdrawn = std::get_if<Withdrawn>(&what))
      return withdrawn->quorum ? "withdrawn" : "withdrawn, no quorum";
    return std::holds_alternative<Undecided>(what) ? "undecided" : "sites";
  }
  // Asks `node`, and lets `length` pass.
  std::string get(std::uint64_t node, Duration length = std::chrono::seconds(2)) {
    ask(NodeId{node}, GetDecided{generation});
    run(length);
    return last_told(node);
  }
  const Decided* decided(std::uint64_t node) {
    return told[NodeId{node}].empty() ? nullptr : std::get_if<Decided>(&told[NodeId{node}].back());
  }
  // Its disk is lost: it begins with an empty one.
  void replace_disk(std::uint64_t node) {
    shelves[NodeId{node}] = new_shelf(200 + node);
    shelves[NodeId{node}].disk = 200 + node;
    start(NodeId{node});
  }
};

}  // namespace coord::agreements::test
