// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "ring/work.hpp"

namespace coord::ring {

namespace {

constexpr char full_text[] = "there is no room";
constexpr char quota_text[] = "the quota of the key's user is used up";
constexpr char given_text[] = "the number of this write was given before";

std::size_t size_of(const Row& row) {
  constexpr std::size_t of_version = 40;
  return row.key.size() + of_version * (1 + row.versions.size());
}

// Of one piece of work, which has written nothing: the others of its batch go on.
bool is_refusal(const Error& error) {
  return error.what == quota_text || error.what == given_text;
}

// As a quota counts it.
Storage::Totals counted(const Entry& entry) {
  Storage::Totals totals;
  totals.keys = entry.values().empty() ? 0 : 1;
  for (const Version& version : entry.versions) totals.bytes += version.size;
  return totals;
}

}  // namespace

bool is_full(const Error& error) {
  return error.what == full_text;
}

Error full_error(std::string object) {
  return {ErrorKind::unavailable, std::move(object), full_text, "remove something"};
}

Error given_before() {
  return {ErrorKind::unavailable, "ring.db", given_text, "is the disk restored from an older copy?"};
}

Why why_of(const Error& error) {
  return is_full(error) ? Why::full : error.what == quota_text ? Why::quota : Why::failed;
}

Refused refusal(const Error& error) {
  return {why_of(error), error.text()};
}

// How keys of others are called is not told.
void say_past(const Entry& entry, const Work& reader, Found& found) {
  for (const Version& version : entry.versions) found.seen.push_back(version.dot);
  found.after = entry.dependencies();
  std::erase_if(found.after, [&](const Dependency& each) {
    return !is_key(each.key) || is_foreign(each.key, reader.user, reader.all_users);
  });
}

Hidden not_shown_to(const std::string& user, bool all_users) {
  return [&user, all_users](const std::string& key) { return is_foreign(key, user, all_users); };
}

std::string listed_to(const std::string& last, const Work& work) {
  if (!is_foreign(last, work.user, work.all_users)) return last;
  std::string behind_all = "@" + owner_of(last) + "/";
  behind_all.resize(longest_key, '\xff');
  return behind_all;
}

Status StorageWorker::ready() {
  if (storage_) return done();
  used_.clear();
  auto opened = open_();
  if (!opened) return opened.error();
  storage_ = std::move(*opened);
  if (Status begun = storage_->begin(); !begun) return begun;
  // Nobody watches yet.
  if (Status forgotten = storage_->forget_removed(); !forgotten) return forgotten;
  return storage_->commit();
}

void StorageWorker::perform(std::vector<std::shared_ptr<node::Work>>& batch) {
  Status all = ready();
  if (all) all = do_all(batch);
  if (all) return;
  used_.clear();  // what was counted is not there
  // One that fails takes all of its batch with it; so the others are tried again by themselves.
  if (storage_) storage_->roll_back();
  for (auto& work : batch) {
    std::vector<std::shared_ptr<node::Work>> alone = {work};
    Status one = ready();
    if (one && batch.size() > 1) one = do_all(alone);
    if (batch.size() == 1) one = all;
    if (one) continue;
    if (storage_) storage_->roll_back();
    used_.clear();
    if (auto* inner = dynamic_cast<InnerWork*>(work.get())) {
      inner->failed = one.error();
      continue;
    }
    auto& failed = static_cast<Work&>(*work);
    failed.answer = refusal(one.error());
    failed.changed = false;
  }
}

Status StorageWorker::do_all(std::vector<std::shared_ptr<node::Work>>& batch) {
  if (Status begun = storage_->begin(); !begun) return begun;
  for (auto& each : batch) {
    if (auto* inner = dynamic_cast<InnerWork*>(each.get())) {
      inner->failed.reset();
      Status did = std::visit([this](auto& what) -> Status { return on(what); }, inner->what);
      if (!did && !is_refusal(did.error())) return did;
      if (!did) inner->failed = did.error();
      continue;
    }
    auto& work = static_cast<Work&>(*each);
    work.changed = false;
    auto answer = do_one(work);
    if (!answer && is_refusal(answer.error())) answer = Answer(refusal(answer.error()));
    if (!answer) return answer.error();
    work.answer = std::move(*answer);
  }
  return storage_->commit();
}

Result<Answer> StorageWorker::do_one(Work& work) {
  return std::visit(
      [&](const auto& what) -> Result<Answer> {
        if constexpr (requires { what.key; } && !std::is_same_v<decltype(what), const AskEverywhere&>) {
          if (is_foreign(what.key, work.user, work.all_users)) {
            if constexpr (requires { what.replaces; })
              return Answer(Refused{Why::foreign, fmt::format("the key is of user {}", owner_of(what.key))});
            return Answer(Absent{});
          }
        }
        if constexpr (requires { what.copies; }) {
          if (what.copies.count > 1)
            return Answer(Refused{Why::usage, fmt::format("a key has 1 copy, not {}", what.copies.count)});
        }
        return on(work, what);
      },
      work.what);
}

Result<Dot> StorageWorker::next_dot(const Entry& entry) {
  auto last = storage_->last_write();
  if (!last) return last.error();
  if (entry.has_heard_of({self_, *last + 1})) return given_before();
  if (Status set = storage_->set_last_write(*last + 1); !set) return set.error();
  return Dot{self_, *last + 1};
}

// Values that the write has replaced go with it.
Status StorageWorker::change(Work& work, const std::string& ring, const std::string& key,
                             const Version& version, const std::optional<std::vector<Dot>>& replaces,
                             const std::vector<Dot>& seen, Entry& entry) {
  const Entry before = entry;
  write(entry, version, replaces, seen, not_shown_to(work.user, work.all_users));
  if (Status fits = check_quota(key, before, entry); !fits) return fits;
  for (const Version& old : before.versions) {
    if (entry.find(old.dot) != nullptr || old.removed) continue;
    if (Status dropped = storage_->drop_value(ring, key, old.dot); !dropped) return dropped;
  }
  work.changed = true;
  return keep(ring, key, before, entry);
}

// A user's keys are counted once, and from then on with each change.
Result<Storage::Totals> StorageWorker::used_with(const std::string& owner, const Entry& before,
                                                 const Entry& after) {
  auto used = used_.find(owner);
  if (used == used_.end()) {
    auto totals = storage_->totals_of_all_rings(fmt::format("@{}/", owner));
    if (!totals) return totals.error();
    used = used_.emplace(owner, *totals).first;
  }
  const Storage::Totals was = counted(before), is = counted(after);
  // What goes may be of a membership that is over, which is not counted.
  const auto changed = [](std::uint64_t all, std::uint64_t less, std::uint64_t more) {
    return all + more - std::min(less, all + more);
  };
  Storage::Totals then = used->second;
  then.keys = changed(then.keys, was.keys, is.keys);
  then.bytes = changed(then.bytes, was.bytes, is.bytes);
  return then;
}

bool StorageWorker::is_counted(const std::string& owner) const {
  return !owner.empty() && (quota_.keys != 0 || quota_.bytes != 0);
}

// What is new must keep to the quota of the key's user.
Status StorageWorker::check_quota(const std::string& key, const Entry& before, const Entry& after) {
  const std::string owner = owner_of(key);
  const Storage::Totals was = counted(before), is = counted(after);
  if (!is_counted(owner) || (is.keys <= was.keys && is.bytes <= was.bytes)) return done();
  auto then = used_with(owner, before, after);
  if (!then) return then.error();
  const bool fits =
      (quota_.keys == 0 || then->keys <= quota_.keys) && (quota_.bytes == 0 || then->bytes <= quota_.bytes);
  if (fits) return done();
  return Error{ErrorKind::unavailable, fmt::format("@{}/", owner), quota_text,
               "remove something of that user"};
}

Status StorageWorker::keep(const std::string& ring, const std::string& key, const Entry& before,
                           const Entry& after) {
  if (const std::string owner = owner_of(key); is_counted(owner)) {
    auto then = used_with(owner, before, after);
    if (!then) return then.error();
    used_[owner] = *then;
  }
  return storage_->keep(ring, key, after);
}

Result<Answer> StorageWorker::on(Work& work, const Put& put) {
  auto found = storage_->find(put.ring, put.key);
  if (!found) return found.error();
  Entry entry = found->value_or(Entry{});
  auto dot = next_dot(entry);
  if (!dot) return dot.error();
  const Version version{*dot, work.time, false, work.value.size(), put.past.after};
  Entry then = entry;
  write(then, version, put.replaces, put.past.at_least, not_shown_to(work.user, work.all_users));
  if (!fits_one_key(then)) return Answer(Refused{Why::usage, "the key has too many siblings already"});
  if (Status changed = change(work, put.ring, put.key, version, put.replaces, put.past.at_least, entry);
      !changed)
    return changed.error();
  if (Status kept = storage_->keep_value(put.ring, put.key, *dot, work.value); !kept) return kept.error();
  Stored stored{*dot, entry.values()};
  std::erase_if(stored.beside, [&](const Version& other) { return other.dot == *dot; });
  return Answer(std::move(stored));
}

Result<Answer> StorageWorker::on(Work& work, const Remove& remove) {
  auto found = storage_->find(remove.ring, remove.key);
  if (!found) return found.error();
  Entry entry = found->value_or(Entry{});
  if (entry.values().empty()) return Answer(Absent{});
  auto dot = next_dot(entry);
  if (!dot) return dot.error();
  if (Status changed =
          change(work, remove.ring, remove.key, Version{*dot, work.time, true, 0, remove.past.after},
                 remove.replaces, remove.past.at_least, entry);
      !changed)
    return changed.error();
  Stored stored{*dot, entry.values()};
  // Nobody else has ever served this key: no copy can come back that the tombstone would have to keep out.
  if (entry.values().empty() && !work.keeps_tombstone) {
    if (Status kept = keep(remove.ring, remove.key, entry, Entry{}); !kept) return kept.error();
  }
  return Answer(std::move(stored));
}

Result<Answer> StorageWorker::on(Work& work, const Get& get) {
  const std::string& ring = work.on_disk(get.ring);
  auto found = storage_->find(ring, get.key);
  if (!found) return found.error();
  Found answer;
  if (*found) answer.versions = (*found)->values();
  if (*found && get.consistency == Consistency::causal) say_past(**found, work, answer);
  if (answer.versions.empty()) return answer.seen.empty() ? Answer(Absent{}) : Answer(std::move(answer));
  const auto wanted = get.version ? std::ranges::find(answer.versions, *get.version, &Version::dot)
                      : answer.versions.size() == 1 ? answer.versions.begin()
                                                    : answer.versions.end();
  if (wanted == answer.versions.end()) return get.version ? Answer(Absent{}) : Answer(std::move(answer));
  auto chunk = storage_->value(ring, get.key, wanted->dot, get.offset, chunk_bytes);
  if (!chunk) return chunk.error();
  answer.chunk = std::move(*chunk);
  return Answer(std::move(answer));
}

Result<Answer> StorageWorker::on(Work& work, const List& list) {
  auto rows = storage_->keys_after(work.on_disk(list.ring), list.prefix, list.after, page_rows);
  if (!rows) return rows.error();
  Page page;
  std::size_t bytes = 0;
  bool all = rows->size() < page_rows;
  for (Storage::Row& row : *rows) {
    page.last = row.key;
    std::vector<Version> values = row.entry.values();
    if (values.empty() || is_foreign(row.key, work.user, work.all_users)) continue;
    page.rows.push_back({std::move(row.key), std::move(values)});
    bytes += size_of(page.rows.back());
    if (bytes < page_bytes) continue;
    all = all && &row == &rows->back();
    break;
  }
  page.more = !all;
  page.last = listed_to(page.last, work);
  return Answer(std::move(page));
}

Result<Answer> StorageWorker::on(Work& work, const Watch& watch) {
  auto last = storage_->last_change();
  if (!last) return last.error();
  Page page;
  page.since = *last;
  if (!watch.since) return Answer(std::move(page));
  auto rows = storage_->changes_after(work.on_disk(watch.ring), *watch.since, page_rows);
  if (!rows) return rows.error();
  std::size_t bytes = 0;
  page.more = rows->size() == page_rows;
  if (page.more) page.since = rows->back().change;
  for (Storage::Row& row : *rows) {
    if (row.key.compare(0, watch.prefix.size(), watch.prefix) != 0) continue;
    if (is_foreign(row.key, work.user, work.all_users)) continue;
    for (Version& version : row.entry.versions) version.after.clear();
    page.rows.push_back({std::move(row.key), std::move(row.entry.versions)});
    bytes += size_of(page.rows.back());
    if (bytes < page_bytes) continue;
    page.more = true;
    page.since = row.change;
    break;
  }
  return Answer(std::move(page));
}

// What asks its part, and no storage.
Result<Answer> StorageWorker::on(Work&, const AwaitHandOver&) {
  return Answer(HandedOver{});
}
Result<Answer> StorageWorker::on(Work&, const Forget&) {
  return Answer(HandedOver{});
}
// Of a ring of other hosts only: this one is alone.
Result<Answer> StorageWorker::on(Work&, const AskTrace&) {
  return Answer(Absent{});
}
Result<Answer> StorageWorker::on(Work&, const AskFingers&) {
  return Answer(Absent{});
}

Result<Answer> StorageWorker::on(Work&, const CloseRing&) {
  return Answer(Absent{});
}

// There is one copy, and a session is of one that has it.
Result<Answer> StorageWorker::on(Work&, const AskEverywhere&) {
  return Answer(HandedOver{});
}

Result<Answer> StorageWorker::on(Work& work, const AskStatus& ask) {
  auto totals = storage_->totals(work.on_disk(ask.ring));
  if (!totals) return totals.error();
  auto bytes = storage_->bytes_on_disk();
  if (!bytes) return bytes.error();
  StatusOf status;
  status.host = self_;
  status.keys = totals->keys;
  status.bytes = totals->bytes;
  status.siblings = totals->siblings;
  status.bytes_on_disk = *bytes;
  return Answer(std::move(status));
}

}  // namespace coord::ring
