// SPDX-License-Identifier: MIT
// ring.db when the power goes, and when its disk fails to sync: SQLite writes to files that keep what was
// synced, and lose all else.
#include <sqlite3.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>
#include <vector>

#include "ring/work.hpp"
#include "table/sqlite_storage.hpp"

using namespace coord;
using namespace coord::ring;

namespace {

// What the disk has of a file, and what is in the page cache alone. A sync that fails drops the latter: the
// kernel takes those pages for written, so that a later sync says nothing of them.
struct DiskFile {
  struct Write {
    std::size_t offset;
    std::vector<char> bytes;
    bool truncates;
  };
  std::vector<char> synced;
  std::vector<Write> cached;

  void sync() {
    for (const Write& write : std::exchange(cached, {})) {
      if (write.truncates) {
        synced.resize(write.offset);
        continue;
      }
      synced.resize(std::max(synced.size(), write.offset + write.bytes.size()));
      std::ranges::copy(write.bytes, synced.begin() + static_cast<std::ptrdiff_t>(write.offset));
    }
  }
};

std::map<std::string, DiskFile> disk;
std::size_t syncs = 0, syncs_that_fail = 0;

// ---- a file of SQLite that is one of these, before the real one

struct Opened {
  sqlite3_file base;
  DiskFile* file;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
sqlite3_vfs* real_files = nullptr;

Opened& opened(sqlite3_file* file) {
  return *reinterpret_cast<Opened*>(file);
}
template <auto Method>
constexpr auto pass_on = [](sqlite3_file* file, auto... arguments) {
  sqlite3_file* real = opened(file).real();
  return (real->pMethods->*Method)(real, arguments...);
};
int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  const char* first = static_cast<const char*>(bytes);
  if (DiskFile* kept = opened(file).file)
    kept->cached.push_back({static_cast<std::size_t>(offset), {first, first + size}, false});
  return opened(file).real()->pMethods->xWrite(opened(file).real(), bytes, size, offset);
}
int truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (DiskFile* kept = opened(file).file) kept->cached.push_back({static_cast<std::size_t>(size), {}, true});
  return opened(file).real()->pMethods->xTruncate(opened(file).real(), size);
}
int sync(sqlite3_file* file, int) {
  ++syncs;
  DiskFile* kept = opened(file).file;
  if (syncs_that_fail > 0) {
    --syncs_that_fail;
    if (kept != nullptr) kept->cached.clear();
    return SQLITE_IOERR_FSYNC;
  }
  if (kept != nullptr) kept->sync();
  return SQLITE_OK;
}
int close(sqlite3_file* file) {
  return opened(file).real()->pMethods->xClose(opened(file).real());
}

const sqlite3_io_methods methods = {
    3, close,
    [](sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
      return pass_on<&sqlite3_io_methods::xRead>(f, to, n, at);
    },
    write, truncate, sync,
    [](sqlite3_file* f, sqlite3_int64* size) { return pass_on<&sqlite3_io_methods::xFileSize>(f, size); },
    [](sqlite3_file* f, int level) { return pass_on<&sqlite3_io_methods::xLock>(f, level); },
    [](sqlite3_file* f, int level) { return pass_on<&sqlite3_io_methods::xUnlock>(f, level); },
    [](sqlite3_file* f, int* is) { return pass_on<&sqlite3_io_methods::xCheckReservedLock>(f, is); },
    [](sqlite3_file* f, int op, void* with) {
      return pass_on<&sqlite3_io_methods::xFileControl>(f, op, with);
    },
    [](sqlite3_file* f) { return pass_on<&sqlite3_io_methods::xSectorSize>(f); },
    [](sqlite3_file* f) { return pass_on<&sqlite3_io_methods::xDeviceCharacteristics>(f); },
    [](sqlite3_file* f, int page, int size, int extend, void volatile** at) {
      return pass_on<&sqlite3_io_methods::xShmMap>(f, page, size, extend, at);
    },
    [](sqlite3_file* f, int at, int n, int flags) {
      return pass_on<&sqlite3_io_methods::xShmLock>(f, at, n, flags);
    },
    [](sqlite3_file* f) { pass_on<&sqlite3_io_methods::xShmBarrier>(f); },
    [](sqlite3_file* f, int gone) { return pass_on<&sqlite3_io_methods::xShmUnmap>(f, gone); },
    // No mapping: what is written through one would not be seen.
    [](sqlite3_file*, sqlite3_int64, int, void** at) {
      *at = nullptr;
      return SQLITE_OK;
    },
    [](sqlite3_file*, sqlite3_int64, void*) { return SQLITE_OK; }};

int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* got) {
  Opened& made = opened(file);
  made.base.pMethods = nullptr;
  made.file = name == nullptr ? nullptr : &disk[name];
  const int code = real_files->xOpen(real_files, name, made.real(), flags, got);
  if (made.real()->pMethods != nullptr) made.base.pMethods = &methods;
  return code;
}

// While it lives SQLite's files are those of the disk above.
class PowerSupply {
 public:
  PowerSupply() {
    std::string name = (std::filesystem::temp_directory_path() / "power-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    directory_ = name;
    disk.clear();
    syncs = syncs_that_fail = 0;
    real_files = sqlite3_vfs_find(nullptr);
    files_ = *real_files;
    files_.zName = "power";
    files_.szOsFile = static_cast<int>(sizeof(Opened)) + real_files->szOsFile;
    files_.xOpen = open;
    files_.xDelete = [](sqlite3_vfs*, const char* deleted, int is_synced) {
      disk.erase(deleted);
      return real_files->xDelete(real_files, deleted, is_synced);
    };
    REQUIRE(sqlite3_vfs_register(&files_, 1) == SQLITE_OK);
  }
  ~PowerSupply() {
    sqlite3_vfs_unregister(&files_);
    sqlite3_vfs_register(real_files, 1);
    std::filesystem::remove_all(directory_);
  }
  PowerSupply(const PowerSupply&) = delete;
  PowerSupply& operator=(const PowerSupply&) = delete;

  std::string file() const { return (directory_ / "ring.db").string(); }
  // The same file after the power was cut now.
  std::string file_after_a_cut() const {
    const std::filesystem::path after = directory_ / ("after" + std::to_string(++cuts_));
    std::filesystem::create_directory(after);
    for (const auto& [name, kept] : disk) {
      if (!name.starts_with(file())) continue;
      std::ofstream(after / std::filesystem::path(name).filename(), std::ios::binary)
          .write(kept.synced.data(), static_cast<std::streamsize>(kept.synced.size()));
    }
    return (after / "ring.db").string();
  }

 private:
  std::filesystem::path directory_;
  sqlite3_vfs files_{};
  mutable int cuts_ = 0;
};

std::shared_ptr<Work> put(const std::string& key, const std::string& value) {
  auto work = std::make_shared<Work>();
  work->what = Put{"r", key, value.size(), {}, {}};
  work->value = Bytes(value.begin(), value.end());
  work->all_users = true;
  return work;
}
std::string get(StorageWorker& worker, const std::string& key) {
  auto work = std::make_shared<Work>();
  work->what = Get{"r", key, {}, 0};
  work->all_users = true;
  std::vector<std::shared_ptr<node::Work>> batch{work};
  worker.perform(batch);
  const auto* found = std::get_if<Found>(&work->answer);
  return found == nullptr ? "absent" : std::string(found->chunk.begin(), found->chunk.end());
}
bool is_acknowledged(const std::shared_ptr<Work>& work) {
  return std::holds_alternative<Stored>(work->answer);
}

}  // namespace

TEST_CASE("what was acknowledged is there after a power cut, and many puts share a sync", "[ring]") {
  PowerSupply power;
  StorageWorker worker(NodeId{1}, [&] { return table::open_sqlite(power.file()); });
  // So many that the log is written back to the file in between.
  for (int round = 0; round < 30; ++round) {
    std::vector<std::shared_ptr<node::Work>> batch;
    for (int i = 0; i < 50; ++i)
      batch.push_back(put(std::to_string(round) + "/" + std::to_string(i), std::string(1000, 'v')));
    const std::size_t before = syncs;
    worker.perform(batch);
    CHECK(syncs > before);
    CHECK(syncs - before <= 8);
    for (const auto& each : batch) REQUIRE(is_acknowledged(std::static_pointer_cast<Work>(each)));
    StorageWorker after(NodeId{1}, [file = power.file_after_a_cut()] { return table::open_sqlite(file); });
    for (int i = 0; i < 50; ++i) {
      CHECK(get(after, std::to_string(round) + "/" + std::to_string(i)) == std::string(1000, 'v'));
      CHECK(get(after, "0/" + std::to_string(i)) == std::string(1000, 'v'));
    }
  }
}

// A transaction whose sync failed is written anew, all of it, before it is synced again.
TEST_CASE("a put is acknowledged after a failed sync only when it is on the disk", "[ring]") {
  PowerSupply power;
  StorageWorker worker(NodeId{1}, [&] { return table::open_sqlite(power.file()); });
  std::vector<std::string> stored;
  for (int i = 0; i < 300; ++i) {
    const std::string key = std::to_string(i);
    std::vector<std::shared_ptr<node::Work>> batch{put(key, std::string(2000, 'v')), put(key + "/too", "v")};
    syncs_that_fail = i % 10 == 3 ? 1 + static_cast<std::size_t>(i) / 10 % 4 : 0;
    worker.perform(batch);
    for (const auto& each : batch) {
      const auto work = std::static_pointer_cast<Work>(each);
      if (is_acknowledged(work)) {
        stored.push_back(std::get<Put>(work->what).key);
        continue;
      }
      const auto* refused = std::get_if<Refused>(&work->answer);
      REQUIRE(refused != nullptr);
      CHECK(refused->why == Why::failed);
      CHECK(refused->text.find("ring.db: disk I/O error: look at the disk and the file") !=
            std::string::npos);
    }
    syncs_that_fail = 0;
  }
  CHECK(stored.size() > 500);
  CHECK(stored.size() < 600);
  StorageWorker after(NodeId{1}, [file = power.file_after_a_cut()] { return table::open_sqlite(file); });
  for (const std::string& key : stored) CHECK(get(after, key) != "absent");
}
