// SPDX-License-Identifier: MIT
// ZooKeeper's own nodes, as keys and values.
#include <algorithm>

#include "engines/native_zookeeper.hpp"

namespace coord::engines {

namespace {

using zookeeper::Operation;
using Why = native::Cannot::Why;

}  // namespace

std::string NativeZooKeeper::path_of_key() const {
  std::string key;
  if (const auto* get = std::get_if<native::Get>(&job().what)) key = get->key;
  if (const auto* seen = std::get_if<native::Watch>(&job().what)) key = seen->key;
  if (const auto* put = std::get_if<native::Put>(&job().what)) key = put->key;
  if (const auto* removal = std::get_if<native::Remove>(&job().what)) key = removal->key;
  if (const auto* all = std::get_if<native::List>(&job().what)) key = all->prefix;
  if (key.empty() || key.front() != '/') key.insert(0, 1, '/');
  while (key.size() > 1 && key.back() == '/') key.pop_back();
  return key;
}

void NativeZooKeeper::make_parents(Instant now, const std::string& path, bool itself) {
  parents_ = 0;
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1))
    call(now, Kind::parent, Operation::create, zookeeper::create(path.substr(0, at), {}, rights()));
  if (!itself) return call(now, Kind::parent, Operation::create, zookeeper::create(path, {}, rights()));
  const auto& put = std::get<native::Put>(job().what);
  if (!may_change(put.wanted.has_value())) return;
  call(now, Kind::make, Operation::create, zookeeper::create(path, bytes_of(put.value), rights()));
}

void NativeZooKeeper::take_get(std::int32_t error, JuteReader& reader) {
  native::Value value;
  if (error == 0) {
    const ByteView data = reader.buffer();
    const zookeeper::Stat stat = zookeeper::read_stat(reader);
    value = {true, stat.changed, std::string(data.begin(), data.end())};
  } else if (std::holds_alternative<native::Watch>(job().what)) {
    // For its creation a watch of its own.
    call(sent_, Kind::before, Operation::exists, zookeeper::read(path_of_key(), true));
  }
  answer_value(std::move(value));
}

// Which change of the node this is, and what it has become when that was refused.
void NativeZooKeeper::take_look(Instant now, std::int32_t error, JuteReader& reader) {
  const zookeeper::Stat stat = error == 0 ? zookeeper::read_stat(reader) : zookeeper::Stat{};
  const auto* put = std::get_if<native::Put>(&job().what);
  const auto wanted = put != nullptr ? put->wanted : std::get<native::Remove>(job().what).wanted;
  if (error != 0 || !wanted || stat.changed != *wanted) return answer_not({error == 0, stat.changed});
  if (!may_change(true)) return;
  created_ = stat.created;
  if (put != nullptr) {
    call(now, Kind::change, Operation::put,
         zookeeper::put(path_of_key(), bytes_of(put->value), stat.version));
  } else {
    call(now, Kind::change, Operation::remove, zookeeper::remove(path_of_key(), stat.version));
  }
}

void NativeZooKeeper::take_change(Instant now, const Call& call, std::int32_t error, JuteReader& reader) {
  const auto* put = std::get_if<native::Put>(&job().what);
  if (error == zookeeper::not_empty) return cannot(Why::wrong, "there are nodes below it: remove them first");
  if (error == 0) {
    // Its version is counted from 0 in each of its lives.
    const bool is_set = put != nullptr && put->wanted && call.kind == Kind::change;
    if (is_set && zookeeper::read_stat(reader).created != created_)
      return cannot(Why::unknown, "it was removed and made anew at that moment, and now has this value");
    return answer_done(put == nullptr ? 0 : job().seen);
  }
  not_changed();
  const bool is_parent_missing = call.kind == Kind::make && error == zookeeper::no_node;
  if (is_parent_missing) {
    if (!is_refused(parents_)) fail("the nodes above it cannot be made");
    return;
  }
  const bool has_terms =
      put != nullptr ? put->wanted.has_value() : std::get<native::Remove>(job().what).wanted.has_value();
  if (has_terms) return this->call(now, Kind::look, Operation::exists, zookeeper::read(path_of_key(), false));
  if (put == nullptr) return answer_not({});
  if (call.kind == Kind::change) return make_parents(now, path_of_key(), true);
  if (may_change(false))  // somebody made it meanwhile
    this->call(now, Kind::change, Operation::put, zookeeper::put(path_of_key(), bytes_of(put->value), -1));
}

void NativeZooKeeper::take_list(Instant now, std::int32_t error, JuteReader& reader) {
  const std::string above = path_of_key() == "/" ? "/" : path_of_key() + "/";
  std::vector<std::string> names;
  const std::size_t count = error == 0 ? reader.count() : 0;
  for (std::size_t i = 0; i < count && !reader.failed(); ++i) names.push_back(reader.text());
  if (reader.failed()) return;
  std::erase_if(names, [&](const std::string& name) { return above + name <= job().listed; });
  std::ranges::sort(names);
  children_ = names.size();
  if (names.empty()) return answer(native::Keys{});
  for (const std::string& name : names)
    call(now, Kind::child, Operation::exists, zookeeper::read(above + name, false), above + name);
}

void NativeZooKeeper::take_child(const Call& call, std::int32_t error, JuteReader& reader) {
  std::optional<native::Key> key;
  if (error == 0 && call.path.size() <= native::longest_key) {
    const zookeeper::Stat stat = zookeeper::read_stat(reader);
    key = {call.path, stat.changed, static_cast<std::uint64_t>(stat.bytes)};
  }
  answer_key(std::move(key), --children_ > 0);
}

}  // namespace coord::engines
