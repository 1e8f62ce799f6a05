// SPDX-License-Identifier: MIT
#include "ring/part.hpp"

#include <utility>

#include "wire/codec.hpp"

namespace coord::ring {

namespace {

constexpr std::uint64_t bytes_limit = std::uint64_t{64} << 20U;

const std::string& ring_of(const Request& request) {
  return std::visit([](const auto& what) -> const std::string& { return what.ring; }, request);
}

// What is wrong with a request that could be read; nullptr: nothing.
const char* fault_of(const Request& request) {
  if (ring_of(request).empty()) return "the ring has no name";
  return std::visit(
      [](const auto& what) -> const char* {
        if constexpr (requires { what.key; }) {
          if (what.key.empty()) return "the key is empty";
          if (what.key.find('\0') != std::string::npos) return "the key has a NUL in it";
        }
        if constexpr (requires { what.total; }) {
          if (what.total > largest_value) return "the value is larger than 8 MiB";
        }
        return nullptr;
      },
      request);
}

}  // namespace

node::PartActions RingPart::step(const node::Moment& moment, const node::Event& event) {
  std::visit([&](const auto& concrete) { on(moment, concrete); }, event);
  return std::exchange(out_, {});
}

void RingPart::on(const node::Moment& moment, const node::FromTool& event) {
  auto work = std::make_shared<Work>();
  work->connection = event.connection;
  work->request = event.request;
  work->user = event.who.user;
  work->all_users = event.who.uid == 0;
  work->time = moment.wall;
  auto request = wire::decode<Request>(event.bytes);
  if (!request)
    return tell(*work, Refused{Why::usage, "the request cannot be read: " + request.error().what});
  if (const char* fault = fault_of(*request)) return tell(*work, Refused{Why::usage, fault});
  if (auto* put = std::get_if<Put>(&*request)) return take(std::move(work), std::move(*put));
  if (std::holds_alternative<Watch>(*request)) watchers_.insert(event.connection);
  work->what = std::move(*request);
  submit(std::move(work));
}

// A chunk of a value. The first one says where all of them belong.
void RingPart::take(std::shared_ptr<Work> work, Put&& put) {
  const Asked asked{work->connection, work->request};
  const auto found = assembling_.find(asked);
  if (found != assembling_.end()) {
    work = found->second;
    assembling_.erase(found);
  } else {
    work->what = Put{put.ring, put.key, put.total, {}, put.replaces};
  }
  const std::uint64_t total = std::get<Put>(work->what).total;
  if (put.chunk.size() > total - work->value.size()) {
    bytes_held_ -= work->value.size();
    return tell(*work, Refused{Why::usage, "the value has more bytes than were announced"});
  }
  if (bytes_held_ + put.chunk.size() > bytes_limit) {
    bytes_held_ -= work->value.size();
    return tell(*work, Refused{Why::busy, "too much is being written at once"});
  }
  bytes_held_ += put.chunk.size();
  work->value.insert(work->value.end(), put.chunk.begin(), put.chunk.end());
  if (work->value.size() == total) return submit(std::move(work));
  assembling_.emplace(asked, std::move(work));
}

void RingPart::submit(std::shared_ptr<Work> work) {
  work->keeps_tombstone = !watchers_.empty();
  out_.push_back(node::Do{std::move(work)});
}

void RingPart::tell(const Work& work, const Answer& answer) {
  out_.push_back(node::ToTool{work.connection, work.request, wire::encode(answer)});
}

void RingPart::on(const node::Moment&, const node::Worked& event) {
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
  tell(*work, work->answer);
  if (!work->changed) return;
  for (auto& [asked, waits] : std::exchange(waiting_, {})) submit(waits);
}

void RingPart::on(const node::Moment&, const node::ToolGone& event) {
  watchers_.erase(event.connection);
  for (auto work = assembling_.begin(); work != assembling_.end();) {
    const bool is_its = work->first.first == event.connection;
    if (is_its) bytes_held_ -= work->second->value.size();
    work = is_its ? assembling_.erase(work) : std::next(work);
  }
  std::erase_if(waiting_, [&](const auto& watch) { return watch.first.first == event.connection; });
}

}  // namespace coord::ring
