/** How a user of the machine gets the ids of a container's users. */
export const SUBORDINATE_IDS =
  'sudo apt-get install uidmap; sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER';
