// SPDX-License-Identifier: MIT
#include "members/part.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "node/node.hpp"
#include "wire/codec.hpp"

namespace coord::members {

using namespace std::chrono_literals;
using membership::Rumour;
using membership::Rumours;
using membership::State;
using membership::Swim;
using membership::SwimMessage;

namespace {

constexpr Duration write_again_after = 5s;
// Long enough for what was sent at the start of it to go out.
constexpr Duration farewell = 60ms;
constexpr std::size_t most_told_at_once = 16;  // hosts, by a stream each
constexpr std::size_t small_group = 8;         // present: there a second is short for a host that stutters

const Rumours* news_in(const SwimMessage& message) {
  return std::visit(
      [](const auto& what) -> const Rumours* {
        if constexpr (requires { what.rumours; }) {
          return &what.rumours;
        } else if constexpr (requires { what.members; }) {
          return &what.members;
        } else {
          return nullptr;
        }
      },
      message);
}
Rumours* news_in(SwimMessage& message) {
  return const_cast<Rumours*>(news_in(std::as_const(message)));
}

membership::Roster::Founders sorted(std::vector<NodeId> nodes) {
  std::ranges::sort(nodes);
  return std::make_shared<const std::vector<NodeId>>(std::move(nodes));
}

}  // namespace

MembersPart::MembersPart(const node::Setting& setting, std::optional<Incarnation> stored)
    : self_(setting.self),
      founders_(sorted(setting.founders)),
      names_(setting.names),
      seed_(setting.seed),
      stored_(stored),
      durable_(stored) {}

// ---- driven

node::PartActions MembersPart::step(const node::Moment& moment, const node::Event& event) {
  begin(moment);
  if (swim_) std::visit([&](const auto& what) { on(moment, what); }, event);
  return std::exchange(out_, {});
}

node::PartActions MembersPart::settle(const node::Moment& moment) {
  begin(moment);
  return std::exchange(out_, {});
}

std::optional<Instant> MembersPart::deadline() const {
  if (!swim_) return std::nullopt;
  std::optional<Instant> first = swim_->deadline();
  for (const auto& other : {write_again_, farewell_ends_})
    if (other && (!first || *other < *first)) first = other;
  return first;
}

void MembersPart::begin(const node::Moment& moment) {
  if (swim_ || moment.level < wire::channels_since) return;
  Swim::Config config;
  config.self = self_;
  config.founders = founders_;
  config.seed = seed_;
  config.own_pause = 500ms;
  config.small_group = small_group;
  swim_.emplace(moment.now, std::move(config), stored_);
  note_contacts(moment);
  run(moment, Swim::Tick{});
}

// All who are of the group by now: of those who founded it nobody may be left.
void MembersPart::note_contacts(const node::Moment& moment) {
  const service::State* const state =
      moment.service == nullptr ? nullptr : &moment.service->log().machine().state();
  const LogIndex at = state == nullptr ? LogIndex{} : state->roster_at;
  if (contacts_at_ == at) return;
  contacts_at_ = at;
  std::set<NodeId> contacts(founders_->begin(), founders_->end());
  if (state != nullptr) {
    for (const auto& [node, registration] : state->registrations)
      if (!registration.name.empty()) contacts.insert(node);
    for (const NodeId node : state->retired) contacts.erase(node);
  }
  contacts.erase(self_);
  swim_->set_contacts({contacts.begin(), contacts.end()});
  if (state != nullptr) swim_->set_gone({state->retired.begin(), state->retired.end()});
}

void MembersPart::on(const node::Moment& moment, const node::FromPeer& event) {
  auto said = wire::decode<Said>(event.bytes, {.version = event.level});
  if (!said) return out_.push_back(node::Unreadable{said.error().what});
  if (const char* fault = fault_of(moment, *said, event)) return out_.push_back(node::Unreadable{fault});
  drop_strangers(moment, said->message);
  heard_.insert(event.from);
  if (said->asked != WallTime{}) {
    const auto offset =
        offsets_[event.from].add(moment.now, said->asked, said->heard, said->sent, moment.wall);
    if (offset) rates_[event.from].add(moment.now, offset->offset, offset->bound);
  }
  const bool asks = std::holds_alternative<membership::Ping>(said->message);
  if (asks) question_ = {event.from, said->sent, moment.wall};
  run(moment, Swim::Receive{event.from, std::move(said->message)});
  question_.reset();
}

void MembersPart::on(const node::Moment& moment, const node::Tick&) {
  if (farewell_ends_ && moment.now >= *farewell_ends_) farewell_ends_.reset();
  if (write_again_ && moment.now >= *write_again_) {
    write_again_.reset();
    reserve_ahead();
  }
  note_contacts(moment);
  if (const auto due = swim_->deadline(); due && moment.now >= *due) run(moment, Swim::Tick{});
}

// The word goes to so many at once, by both ways: there is no time to tell it again. Of a group none of whose
// founders is left, to those that came later.
void MembersPart::on(const node::Moment& moment, const node::Leave&) {
  run(moment, Swim::Leave{});
  farewell_ends_ = moment.now + farewell;
  std::vector<NodeId> all(founders_->begin(), founders_->end());
  if (moment.service != nullptr)
    for (const auto& [node, registration] : moment.service->log().machine().state().registrations)
      if (!std::ranges::binary_search(*founders_, node)) all.push_back(node);
  std::size_t told = 0;
  for (const NodeId to : all) {
    const auto known = swim_->roster().find(to);
    if (to == self_ || !known || !membership::is_present(known->state) || ++told > most_told_at_once)
      continue;
    send(moment, to, membership::Table{true, {{self_, swim_->incarnation(), State::left, self_}}});
    send(moment, to, membership::Gossip{{{self_, swim_->incarnation(), State::left, self_}}});
  }
}

// Who was told nothing of this incarnation, because it was not durable yet, is told now.
void MembersPart::on(const node::Moment& moment, const node::Worked& event) {
  const auto& reserve = dynamic_cast<const Reserve&>(*event.work);
  writing_ = false;
  if (!reserve.outcome) {
    write_again_ = moment.now + write_again_after;
    return out_.push_back(node::Report{fmt::format("membership: {}", reserve.outcome.error().text())});
  }
  durable_ = reserve.last;
  const auto own = swim_->roster().find(self_);
  const State state = own ? own->state : State::alive;
  for (const NodeId to : std::exchange(not_told_, {}))
    send(moment, to, membership::Gossip{{{self_, swim_->incarnation(), state, self_}}});
  reserve_ahead();
}

// ---- what comes in

// Of a member that has said its name; else null.
const service::Registration* MembersPart::registration(const node::Moment& moment, NodeId node) {
  if (moment.service == nullptr) return nullptr;
  const auto& registrations = moment.service->log().machine().state().registrations;
  const auto found = registrations.find(node);
  return found == registrations.end() || found->second.name.empty() ? nullptr : &found->second;
}

bool MembersPart::is_member(const node::Moment& moment, NodeId node) const {
  return std::ranges::binary_search(*founders_, node) || registration(moment, node) != nullptr;
}

const char* MembersPart::fault_of(const node::Moment& moment, const Said& said,
                                  const node::FromPeer& event) const {
  if (!is_member(moment, event.from)) return "it is of no member";
  if (membership::goes_by_stream(said.message) != (event.way == node::Way::stream))
    return "it came by the wrong way";
  const Rumours* const news = news_in(said.message);
  // A table may name who is registered no more, and is dead.
  const std::size_t table = moment.service == nullptr ? founders_->size() : membership::table_rumours;
  const std::size_t most = event.way == node::Way::stream ? table : membership::datagram_rumours;
  return news != nullptr && news->size() > most ? "it has too much news" : nullptr;
}

void MembersPart::drop_strangers(const node::Moment& moment, SwimMessage& message) {
  Rumours* const news = news_in(message);
  if (news == nullptr) return;
  strangers_ += std::erase_if(*news, [&](const Rumour& rumour) {
    return !COORD_RULE(members_are_of_the_list, is_member(moment, rumour.node));
  });
}

// ---- what goes out

void MembersPart::run(const node::Moment& moment, const Swim::Event& event) {
  for (Swim::Action& action : swim_->step(moment.now, event))
    std::visit([&](auto& what) { perform(moment, std::move(what)); }, action);
}

void MembersPart::perform(const node::Moment& moment, Swim::Send&& action) {
  if (Rumours* const news = news_in(action.message)) withhold_own_news(action.to, *news);
  send(moment, action.to, std::move(action.message));
}

void MembersPart::withhold_own_news(NodeId to, Rumours& rumours) {
  const auto withheld = std::erase_if(rumours, [&](const Rumour& rumour) {
    return rumour.node == self_ &&
           !COORD_RULE(member_is_durable_before_it_is_told, durable_ && rumour.incarnation <= *durable_);
  });
  if (withheld > 0) not_told_.insert(to);
}

void MembersPart::perform(const node::Moment&, const Swim::Persist&) {
  reserve_ahead();
}

// One block at a time; the next when half of this one is used.
void MembersPart::reserve_ahead() {
  if (writing_ || write_again_) return;
  const std::uint64_t used = swim_->incarnation().value;
  const std::uint64_t wanted = std::min(used + incarnations_ahead / 2, membership::last_incarnation.value);
  if (durable_ && wanted <= durable_->value) return;
  auto reserve = std::make_shared<Reserve>();
  reserve->last = {std::min(used + incarnations_ahead - 1, membership::last_incarnation.value)};
  writing_ = true;
  out_.push_back(node::Do{std::move(reserve)});
}

void MembersPart::perform(const node::Moment& moment, const Swim::Changed& action) {
  const State state = action.member.state;
  if (state == State::suspect || (state == State::alive && gone_.erase(action.node) == 0)) return;
  if (state != State::alive) gone_.insert(action.node);
  std::string line = fmt::format("member {}: {}", name_of(moment, action.node), membership::name_of(state));
  if (action.by != self_ && action.by != action.node)
    line += fmt::format(", as {} says", name_of(moment, action.by));
  out_.push_back(node::Report{fmt::format("{} (incarnation {})", line, action.member.incarnation.value)});
}

void MembersPart::perform(const node::Moment&, const Swim::Departed&) {}

void MembersPart::send(const node::Moment& moment, NodeId to, SwimMessage message) {
  Said said;
  const bool by_stream = membership::goes_by_stream(message);
  if (!by_stream) said.sent = moment.wall;
  if (question_ && question_->from == to && std::holds_alternative<membership::Ack>(message)) {
    said.asked = question_->sent;
    said.heard = question_->heard;
  }
  said.message = std::move(message);
  out_.push_back(
      node::Send{to, by_stream ? node::Way::stream : node::Way::datagram, wire::encode(said, moment.level)});
}

// ---- shown

std::string MembersPart::name_of(const node::Moment& moment, NodeId node) const {
  if (const auto found = names_.find(node); found != names_.end()) return found->second;
  const service::Registration* const known = registration(moment, node);
  return known == nullptr ? std::to_string(node.value) : known->name;
}

std::optional<View> MembersPart::view(Instant now, NodeId node) const {
  const auto member = swim_ ? swim_->roster().find(node) : std::nullopt;
  if (!member || node == self_) return std::nullopt;
  View view{*member, {}, {}, {}};
  if (heard_.contains(node)) view.phi = swim_->phi(now, node);
  if (const auto found = offsets_.find(node); found != offsets_.end())
    view.offset = found->second.estimate(now);
  if (const auto found = rates_.find(node); found != rates_.end()) view.rate_ppm = found->second.ppm();
  return view;
}

}  // namespace coord::members
