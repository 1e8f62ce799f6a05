// SPDX-License-Identifier: MIT
#include "ring/part.hpp"

#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "service/ownership.hpp"
#include "wire/codec.hpp"

namespace coord::ring {

namespace {

constexpr std::uint64_t bytes_limit = std::uint64_t{64} << 20U;
constexpr std::uint64_t open_limit = std::uint64_t{16} << 20U;  // of requests, without values
constexpr std::uint64_t request_overhead = 512;                 // of one, beside its own bytes
constexpr std::size_t most_at_storage = 16384;                  // whoever asked for it may be gone
constexpr std::size_t most_discarded = 1024;

const std::string& ring_of(const Request& request) {
  return std::visit([](const auto& what) -> const std::string& { return what.ring; }, request);
}

// What is wrong with a request that could be read; nullptr: nothing.
const char* fault_of(const Request& request) {
  if (ring_of(request).empty()) return "the ring has no name";
  if (ring_of(request).find('\0') != std::string::npos) return "the ring's name has a NUL in it";
  if (ring_of(request).front() == '-') return "the ring's name begins with '-'";
  return std::visit(
      [](const auto& what) -> const char* {
        if constexpr (requires { what.key; }) {
          if (what.key.empty()) return "the key is empty";
          if (what.key.find('\0') != std::string::npos) return "the key has a NUL in it";
        }
        if constexpr (requires { what.past; }) {
          std::size_t bytes = 0;
          for (const Dependency& each : what.past.after) {
            // Whoever follows it asks for it.
            if (!is_key(each.key)) return "one of its dependencies is not a key";
            bytes += each.key.size();
          }
          if (bytes > dependency_bytes) return "it depends on too much";
        }
        if constexpr (requires { what.total; }) {
          if (what.total > largest_value) return "the value is larger than 8 MiB";
        }
        return nullptr;
      },
      request);
}

// `@/x` is one's own, as everywhere: the ring, the key, and what begins so. What is longer than it may be
// then is said; nullptr: nothing.
const char* expand_own(Request& request, const replica::Credentials& who) {
  const auto expand = [&](std::string& name) { name = service::expand_own(name, who.uid, who.user); };
  return std::visit(
      [&](auto& what) -> const char* {
        expand(what.ring);
        if (what.ring.size() > longest_ring_name)
          return "the ring's name is too long with its user's: shorten it";
        if constexpr (requires { what.key; }) {
          expand(what.key);
          if (what.key.size() > longest_key) return "the key is too long with its user's name: shorten it";
        }
        if constexpr (requires { what.prefix; }) {
          expand(what.prefix);
          if (what.prefix.size() > longest_key)
            return "the prefix is too long with its user's name: shorten it";
        }
        if constexpr (requires { what.past; }) {
          for (Dependency& each : what.past.after) expand(each.key);
        }
        return nullptr;
      },
      request);
}

// Whose word counts that hosts are lost, or that this one is closed: who may order the change of the ring
// that follows from it.
bool may_order(const replica::Credentials& who, const Request& request) {
  const auto* wait = std::get_if<AwaitHandOver>(&request);
  const auto* close = std::get_if<CloseRing>(&request);
  if (close == nullptr && (wait == nullptr || wait->lost.empty())) return true;
  return COORD_RULE(ring_hosts_are_lost_by_its_operators_word,
                    !who.is_guest && service::may_use(wait ? wait->ring : close->ring, who.uid, who.user));
}

}  // namespace

void RingPart::look(const node::Moment& moment) {
  // A host without a vote knows nothing of the group before a voter has told it.
  const auto* service = moment.service;
  if (service == nullptr || (service->voter() == nullptr && !service->log().has_begun()))
    return replicas_->look_at(moment.now, nullptr, {});
  const service::State& state = service->log().machine().state();
  if (state.roster_at != roster_at_) {
    roster_at_ = state.roster_at;
    std::map<NodeId, std::string> names;
    for (const auto& [node, registration] : state.registrations) {
      if (!registration.name.empty()) names.emplace(node, registration.name);
    }
    replicas_->know_names(names);
  }
  replicas_->look_at(moment.now, &state, state.last_token);
}

node::PartActions RingPart::step(const node::Moment& moment, const node::Event& event) {
  if (replicas_) look(moment);
  std::visit([&](const auto& concrete) { on(moment, concrete); }, event);
  collect();
  count_answers();
  return std::exchange(out_, {});
}

node::PartActions RingPart::settle(const node::Moment& moment) {
  if (replicas_) look(moment);
  collect();
  count_answers();
  return std::exchange(out_, {});
}

void RingPart::collect() {
  if (!replicas_) return;
  replicas_->tick();
  for (auto& work : replicas_->take_ready()) submit(std::move(work));
  replicas_->tick();
  for (auto& action : replicas_->take_actions()) out_.push_back(std::move(action));
  bytes_held_ -= replicas_->take_released();
  if (replicas_->take_changed()) look_again();
}

void RingPart::on(const node::Moment&, const node::FromPeer& event) {
  if (replicas_ && !replicas_->heard(event)) out_.push_back(node::Unreadable{"it is of no ring"});
}

void RingPart::on(const node::Moment&, const node::Greeted& event) {
  if (replicas_) replicas_->greeted(event.from);
}

void RingPart::on(const node::Moment& moment, const node::FromTool& event) {
  auto work = std::make_shared<Work>();
  work->connection = event.connection;
  work->request = event.request;
  work->user = service::owner_name(event.who.uid, event.who.user);
  work->all_users = event.who.uid == 0;
  work->time = moment.wall;
  auto request = wire::decode<Request>(event.bytes);
  if (!request)
    return tell(*work,
                Refused{Why::usage, fmt::format("the request cannot be read: {}", request.error().what)});
  auto* const put = std::get_if<Put>(&*request);
  const Asked asked{work->connection, work->request};
  if (put != nullptr && discards(asked, *put)) return;
  const auto refuse = [&](Why why, const char* text) {
    const bool is_first = put != nullptr && !assembling_.contains(asked);
    is_first ? refuse_value(*work, *put, {why, text}) : tell(*work, Refused{why, text});
  };
  if (const char* fault = expand_own(*request, event.who)) return refuse(Why::usage, fault);
  if (const char* fault = fault_of(*request)) return refuse(Why::usage, fault);
  if (!COORD_RULE(ring_of_a_user_is_for_that_user,
                  service::may_use(ring_of(*request), event.who.uid, event.who.user)))
    return refuse(Why::foreign, "the ring is another user's");
  if (!may_order(event.who, *request))
    return refuse(Why::foreign, std::holds_alternative<CloseRing>(*request)
                                    ? "only root and the peer's own user may order this"
                                    : "only root and the peer's own user may give hosts up for lost");
  if (const auto* status = std::get_if<AskStatus>(&*request); status != nullptr && status->user_only) {
    StatusOf who;
    who.user = work->user;
    return tell(*work, who);
  }
  if (!assembling_.contains(asked)) {
    if (open_.contains(asked)) return;  // its number is another's: two answers could not be told apart
    const std::uint64_t bytes = event.bytes.size() - (put == nullptr ? 0 : put->chunk.size());
    if (!admit(asked, bytes)) {
      const Refused why{Why::busy, "too many requests are open at once"};
      return put == nullptr ? tell(*work, why) : refuse_value(*work, *put, why);
    }
  }
  if (put != nullptr) return take(std::move(work), std::move(*put));
  if (std::holds_alternative<Watch>(*request)) watchers_.insert(event.connection);
  work->what = std::move(*request);
  submit(std::move(work));
}

bool RingPart::admit(const Asked& asked, std::uint64_t bytes) {
  const std::uint64_t cost = bytes + request_overhead;
  if (open_bytes_ + cost > open_limit || at_storage_ >= most_at_storage) return false;
  open_.emplace(asked, cost);
  open_bytes_ += cost;
  return true;
}

void RingPart::count_answers() {
  for (const auto& action : out_) {
    if (std::holds_alternative<node::Do>(action)) ++at_storage_;
    const auto* answer = std::get_if<node::ToTool>(&action);
    if (answer == nullptr) continue;
    const auto found = open_.find({answer->connection, answer->request});
    if (found == open_.end()) continue;
    open_bytes_ -= found->second;
    open_.erase(found);
  }
}

// The rest of a value that was refused is on its way: it begins no other one.
void RingPart::refuse_value(const Work& work, const Put& put, const Refused& why) {
  const std::uint64_t total = put.total;
  const std::uint64_t come = work.value.size() + put.chunk.size();
  if (come < total && discarding_.size() < most_discarded)
    discarding_[{work.connection, work.request}] = total - come;
  bytes_held_ -= work.value.size();
  tell(work, why);
}

bool RingPart::discards(const Asked& asked, const Put& put) {
  const auto found = discarding_.find(asked);
  if (found == discarding_.end()) return false;
  if (put.chunk.size() >= found->second) {
    discarding_.erase(found);
  } else {
    found->second -= put.chunk.size();
  }
  return true;
}

// A chunk of a value. The first one says where all of them belong.
void RingPart::take(std::shared_ptr<Work> work, Put&& put) {
  const Asked asked{work->connection, work->request};
  const auto found = assembling_.find(asked);
  if (found != assembling_.end()) {
    work = found->second;
    assembling_.erase(found);
  } else {
    work->what = Put{put.ring,     put.key,         put.total, {},        put.replaces,
                     put.patience, put.consistency, put.past,  put.copies};
  }
  const std::uint64_t total = std::get<Put>(work->what).total;
  if (put.chunk.size() > total - work->value.size()) {
    bytes_held_ -= work->value.size();
    return tell(*work, Refused{Why::usage, "the value has more bytes than were announced"});
  }
  if (bytes_held_ + put.chunk.size() > bytes_limit) {
    put.total = total;
    return refuse_value(*work, put, Refused{Why::busy, "too much is being written at once"});
  }
  bytes_held_ += put.chunk.size();
  work->value.insert(work->value.end(), put.chunk.begin(), put.chunk.end());
  if (work->value.size() == total) return submit(std::move(work));
  assembling_.emplace(asked, std::move(work));
}

// Here, or with other hosts, or later.
void RingPart::submit(std::shared_ptr<Work> work) {
  if (!replicas_) return submit_here(std::move(work));
  const bool is_change = std::holds_alternative<AwaitHandOver>(work->what) ||
                         std::holds_alternative<Forget>(work->what) ||
                         std::holds_alternative<CloseRing>(work->what);
  switch (replicas_->standing(ring_of(work->what))) {
    case Replicas::Standing::unknown:
      if (replicas_->may_be_told_here(*work)) return submit_here(std::move(work));
      return is_change ? replicas_->begin(std::move(work)) : replicas_->hold(std::move(work));
    case Replicas::Standing::alone:
      if (is_change) return replicas_->begin(std::move(work));
      if (const auto* watch = std::get_if<Watch>(&work->what); watch != nullptr && !watch->cursors.empty())
        return tell(*work, NoQuorum{"this host has left the ring"});
      return submit_here(std::move(work));
    case Replicas::Standing::member:
      if (Replicas::needs_no_other(*work)) return submit_here(std::move(work));
      return replicas_->begin(std::move(work));
  }
}

// On this host's own copy.
void RingPart::submit_here(std::shared_ptr<Work> work) {
  if (replicas_) work->stored_ring = replicas_->stored_ring(ring_of(work->what));
  work->keeps_tombstone = !watchers_.empty();
  out_.push_back(node::Do{std::move(work)});
}

void RingPart::tell(const Work& work, const Answer& answer) {
  out_.push_back(node::ToTool{work.connection, work.request, wire::encode(answer)});
}

void RingPart::on(const node::Moment&, const node::Worked& event) {
  --at_storage_;
  if (auto* inner = dynamic_cast<InnerWork*>(event.work.get())) return replicas_->worked(*inner);
  const auto work = std::static_pointer_cast<Work>(event.work);
  bytes_held_ -= work->value.size();
  work->value.clear();
  auto* const watch = std::get_if<Watch>(&work->what);
  const auto* const page = std::get_if<Page>(&work->answer);
  if (watch != nullptr && page != nullptr && watch->since && page->rows.empty()) {
    // Nothing for this one yet. What lies before is not looked at again.
    if (!watchers_.contains(work->connection)) return;
    watch->since = page->since;
    if (page->more) return submit(work);
    waiting_[{work->connection, work->request}] = work;
    return;
  }
  if (replicas_ && !replicas_->is_told_by_disk(*work)) return submit(work);
  if (auto* status = std::get_if<StatusOf>(&work->answer)) {
    status->user = work->user;
    if (replicas_) replicas_->answer_status(*status, ring_of(work->what));
  }
  tell(*work, work->answer);
  if (work->changed) look_again();
}

void RingPart::look_again() {
  for (auto& [asked, waits] : std::exchange(waiting_, {})) submit(waits);
}

void RingPart::on(const node::Moment&, const node::ToolGone& event) {
  watchers_.erase(event.connection);
  if (replicas_) replicas_->tool_gone(event.connection);
  for (auto work = assembling_.begin(); work != assembling_.end();) {
    const bool is_its = work->first.first == event.connection;
    if (is_its) bytes_held_ -= work->second->value.size();
    work = is_its ? assembling_.erase(work) : std::next(work);
  }
  const auto is_its = [&](const auto& each) { return each.first.first == event.connection; };
  std::erase_if(waiting_, is_its);
  std::erase_if(discarding_, is_its);
  std::erase_if(open_, [&](const auto& each) {
    if (!is_its(each)) return false;
    open_bytes_ -= each.second;
    return true;
  });
}

}  // namespace coord::ring
