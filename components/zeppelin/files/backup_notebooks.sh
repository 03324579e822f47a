# Backs notebooks up, and models where they are mounted below, or restores them, by restic (tested with 0.18.1). Arguments: backup | restore | list; for restore a snapshot's id, or latest.
# Environment: RESTIC_REPOSITORY, RESTIC_PASSWORD_FILE, for S3 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; KEEP, the retention as arguments;
# NOTEBOOKS, the folder, absolute; MODELS_FAILED, a file that says why models were not copied, if they were not.
# What the server notes there of interpreters that run (recovery) belongs to one moment, and is neither kept nor touched.
# Of the databases of models, which are written meanwhile, the whole copies are kept that models/files/prepare_models.py has made.
set -eu
folder="${NOTEBOOKS:-/notebooks}"
save() {
  # From inside, so that a snapshot holds paths below the folder, wherever it is mounted.
  # Each pattern is absolute: restic takes `./x` for `x`, which is left out at any depth, also where a person called something so.
  (cd "$folder" && restic backup --quiet --host gaia-dmp --tag "$1" --exclude "$folder/recovery" --exclude "$folder/conf/*.new" \
    --exclude "$folder/notebook/.examples.json.new" --exclude "$folder/models/copy/*.new" \
    --exclude "$folder/models/*.db" --exclude "$folder/models/*.db-journal" --exclude "$folder/models/*.db.new" .)
}
# Only locks whose owner is gone: a Pod that was killed leaves one.
restic unlock --quiet 2> /dev/null || true
case "$1" in
  backup)
    # A repository that is there and cannot be opened is no reason to make one: `init` refuses then, and says so.
    restic cat config > /dev/null 2>&1 || restic init --quiet
    save scheduled
    # shellcheck disable=SC2086 - KEEP is several arguments
    restic forget --quiet --tag scheduled --group-by host $KEEP --prune
    restic forget --quiet --tag before-restore --group-by host --keep-last 10
    restic snapshots --compact latest
    if [ -e "${MODELS_FAILED:-}" ]; then
      echo "The database of models was not copied, so this backup holds an older one, if any: $(cat "$MODELS_FAILED")" >&2
      exit 1
    fi
    ;;
  list)
    restic snapshots
    ;;
  restore)
    # First of all what is there now, whatever it is: a restore can be taken back. `latest` means the last scheduled one after that, too.
    # Where nothing is left there is nothing to keep, and restic takes no empty snapshot.
    if [ -n "$(cd "$folder" && find . -path ./recovery -prune -o -type f -print | head -n 1)" ]; then save before-restore; fi
    # A backup from before there were models takes none away, nor does one that holds files without both of their databases.
    held="$(restic ls --quiet "$2" --tag scheduled /models/copy)"
    models='/models/*.db*'
    for name in mlflow rights; do
      if ! printf '%s\n' "$held" | grep -qFx "/models/copy/$name.db"; then models='/models'; fi
    done
    if [ -e "${MODELS_FAILED:-}" ]; then
      echo "The database of models was not copied, so what is saved of now holds an older one, if any: $(cat "$MODELS_FAILED")" >&2
    fi
    restic restore --quiet "$2" --tag scheduled --target "$folder" --delete --exclude '/recovery' --exclude "$models"
    if [ "$models" != '/models' ]; then
      # Both, before either takes its place: a full share leaves those that are there.
      for name in mlflow rights; do cp "$folder/models/copy/$name.db" "$folder/models/$name.db.new"; done
      for name in mlflow rights; do
        # What is left of a write that was killed belongs to the other database.
        rm -f "$folder/models/$name.db-journal"
        mv "$folder/models/$name.db.new" "$folder/models/$name.db"
      done
    elif [ -d "$folder/models" ]; then
      echo "snapshot $2 has no whole databases of models: models stay as they are"
    fi
    echo "restored snapshot $2; what was there before, if anything, is the latest snapshot tagged before-restore"
    ;;
  *)
    echo "accepted: backup, list, restore <snapshot>" >&2
    exit 2
    ;;
esac
