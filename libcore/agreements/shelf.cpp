// SPDX-License-Identifier: MIT
#include "agreements/shelf.hpp"

#include <algorithm>
#include <string_view>

#include "agreements/signing.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"
#include "base/small_file.hpp"
#include "store/crc32c.hpp"
#include "wire/archive.hpp"

namespace coord::agreements {

namespace {

constexpr std::string_view prefix = "agreement-";
constexpr char disk_file[] = "agreement-disk";
constexpr char temporary[] = "agreement-tmp";
constexpr char longest_lease[] = "longest_lease_ns";
constexpr std::size_t longest = std::size_t{1} << 20U;

Error damaged(const std::string& name) {
  return {ErrorKind::data, name,
          "it is damaged: this peer takes part in no decision of a classical algorithm",
          "remove it and restart the peer, which then counts as crashed for decisions that were made before"};
}

Bytes sealed(const Bytes& bytes) {
  ByteWriter out;
  out.put(store::crc32c(bytes));
  out.put(bytes);
  return out.take();
}

Result<Bytes> read_file(Disk& disk, const std::string& name) {
  auto file = disk.open(name);
  if (!file) return file.error();
  auto bytes = (*file)->read(0, longest);
  if (!bytes) return bytes.error();
  ByteReader in(*bytes);
  const auto crc = in.get<std::uint32_t>();
  if (in.failed()) return damaged(name);
  const ByteView body = in.get(in.left());
  if (store::crc32c(body) != crc) return damaged(name);
  return Bytes(body.begin(), body.end());
}

// Whole or not at all: in a new file, renamed when it is on the disk.
Status write_file(Disk& disk, const std::string& name, const Bytes& body) {
  return replace_small_file(disk, name, sealed(body), temporary);
}

std::string file_of(Token generation) {
  return fmt::format("{}{}", prefix, generation.value);
}

Status remove_file(Disk& disk, const std::string& name) {
  const auto is_there = has_file(disk, name);
  if (!is_there) return is_there.error();
  return *is_there ? disk.remove(name) : done();
}

Result<Shelf> read_all(Disk& disk) {
  const auto names = disk.list();
  if (!names) return names.error();
  Shelf shelf;
  for (const std::string& name : *names) {
    if (!name.starts_with(prefix) || name == temporary) continue;
    auto bytes = read_file(disk, name);
    if (!bytes) return bytes.error();
    if (name == disk_file) {
      ByteReader in(*bytes);
      shelf.disk = in.get<std::uint64_t>();
      if (in.failed() || shelf.disk == 0) return damaged(name);
      continue;
    }
    auto kept = wire::decode<Kept>(*bytes);
    if (!kept || file_of(kept->generation) != name) return damaged(name);
    const Token generation = kept->generation;
    shelf.kept.emplace(generation, std::move(*kept));
  }
  return shelf;
}

}  // namespace

Kept kept_longest_lease(Duration length) {
  ByteWriter out;
  out.put(static_cast<std::uint64_t>(length.count()));
  return {longest_lease_place, {{longest_lease, out.take()}}};
}

Duration longest_lease_in(const Kept& kept) {
  const auto found = kept.records.find(longest_lease);
  if (found == kept.records.end()) return {};
  ByteReader in(found->second);
  const auto length = in.get<std::uint64_t>();
  constexpr auto most = static_cast<std::uint64_t>(Duration::max().count());
  return in.failed() ? Duration{} : Duration(static_cast<std::int64_t>(std::min(length, most)));
}

Status save(Disk& disk, const Kept& kept) {
  const std::string name = file_of(kept.generation);
  return kept.records.empty() ? remove_file(disk, name) : write_file(disk, name, wire::encode(kept, 2));
}

// A disk that is new may stand in for one that was lost, by which leases were given.
Shelf new_shelf(std::uint64_t drawn) {
  Shelf shelf;
  shelf.disk = drawn | 1U;
  if (COORD_RULE_OR(a_wiped_giver_may_have_given, true, false))
    shelf.kept.emplace(longest_lease_place, kept_longest_lease(longest_of_leases));
  return shelf;
}

Result<Shelf> read_shelf(Disk& disk, std::uint64_t drawn) {
  auto shelf = read_all(disk);
  if (!shelf && shelf.error().kind == ErrorKind::data && shelf.error().object != disk_file) {
    Status removed = remove_file(disk, disk_file);
    if (removed) removed = disk.sync_directory();
    if (!removed) return removed.error();
  }
  if (!shelf || shelf->disk != 0) return shelf;
  Shelf fresh = new_shelf(drawn);
  if (const auto lease = fresh.kept.extract(longest_lease_place);
      lease && !shelf->kept.contains(longest_lease_place)) {
    if (Status written = save(disk, lease.mapped()); !written) return written.error();
    shelf->kept.emplace(longest_lease_place, lease.mapped());
  }
  shelf->disk = fresh.disk;
  ByteWriter out;
  out.put(shelf->disk);
  if (Status written = write_file(disk, disk_file, out.take()); !written) return written.error();
  return shelf;
}

Shelf no_shelf(Disk& disk) {
  Shelf shelf;
  const std::string name = file_of(longest_lease_place);
  const auto names = disk.list();
  if (!names) return shelf;
  if (std::ranges::find(*names, name) == names->end()) return shelf;
  const auto bytes = read_file(disk, name);
  auto kept = bytes ? wire::decode<Kept>(*bytes) : Result<Kept>(bytes.error());
  if (kept && kept->generation == longest_lease_place)
    shelf.kept.emplace(longest_lease_place, std::move(*kept));
  return shelf;
}

void SaveWorker::perform(std::vector<std::shared_ptr<node::Work>>& batch) {
  for (const auto& work : batch) {
    if (auto* pinned = dynamic_cast<Pin*>(work.get())) {
      const auto disk = open_();
      const auto key = disk ? pin(**disk, pinned->host, pinned->key, pinned->by_hand) : disk.error();
      if (key) pinned->key = *key;
      pinned->outcome = key ? done() : Status(key.error());
      continue;
    }
    auto& what = dynamic_cast<Save&>(*work);
    const auto disk = open_();
    what.outcome = disk ? save(**disk, what.kept) : disk.error();
  }
}

}  // namespace coord::agreements

COORD_WIRE_TYPE(coord::agreements::Kept)
