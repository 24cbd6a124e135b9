/* Who a story may be about: animals with what they really do, children, people with a trade, beings of tales, and
 * things that tales bring to life. */
#include "base/checked.h"
#include "stories/words.h"

#define WOODS (AT_FOREST | AT_MEADOW | AT_MOUNTAIN)
#define POND (AT_RIVER | AT_GARDEN | AT_PARK | AT_MEADOW)
#define SMALL (AT_GARDEN | AT_MEADOW | AT_FOREST | AT_PARK)
#define YARD (AT_FARM | AT_MEADOW)
#define PET (AT_HOME | AT_BEACH)
#define WARM (AT_JUNGLE)

const struct kind story_kinds[] = {
    /* the woods */
    {"fox", "foxes", IS_ANIMAL, WOODS | AT_FARM, "clever|red|young|curious|quick|playful|little|sly|brave|hungry",
        "den", "berries", "trotted|crept|ran|slipped", "sneak through the tall grass|chase <S.his> own bushy tail|"
        "sniff under every bush|pounce on falling leaves|curl up with <S.his> tail over <S.his> nose|listen for mice "
        "under the snow"},
    {"rabbit", "rabbits", IS_ANIMAL, WOODS | AT_GARDEN | AT_FARM, "small|white|brown|shy|quick|soft|little|gentle|"
        "brave", "burrow", "carrots", "hopped|bounced|ran", "nibble sweet clover|hop over little logs|wiggle <S.his> "
        "nose at the flowers|dig holes in the soft ground|race the wind"},
    {"bear", "bears", IS_ANIMAL | IS_FIERCE, WOODS, "big|brown|gentle|sleepy|strong|hungry|kind|young", "cave", "honey",
        "walked|stomped|wandered", "look for honey in old trees|scratch <S.his> back on a tree|splash in the cold "
        "stream|roll in the soft grass|take long naps"},
    {"wolf", "wolves", IS_ANIMAL | IS_FIERCE, WOODS | AT_SNOW, "gray|lonely|strong|young|proud|quiet|big", "den",
        "meat", "ran|trotted|crept", "howl at the moon|run along the hills|sniff the cold wind|sleep in the shade of "
        "the pines"},
    {"deer", "deer", IS_ANIMAL, WOODS, "gentle|shy|graceful|young|quiet|brown", "thicket", "fresh leaves",
        "ran|leaped|walked", "leap over fallen trees|eat soft green leaves|listen to the birds|drink from the clear "
        "stream"},
    {"squirrel", "squirrels", IS_ANIMAL, WOODS | AT_PARK | AT_GARDEN, "busy|quick|red|small|funny|little", "tree hole",
        "nuts", "ran|jumped|hurried", "jump from branch to branch|hide nuts in secret places|crack open acorns|chase "
        "<S.his> friends around the trunk"},
    {"hedgehog", "hedgehogs", IS_ANIMAL | IS_SLOW, SMALL, "small|shy|prickly|sleepy|kind|round", "nest of leaves",
        "berries", "walked|shuffled|hurried", "roll up into a ball|look for beetles under the leaves|take walks in "
        "the moonlight|sniff the mushrooms"},
    {"badger", "badgers", IS_ANIMAL, WOODS, "old|grumpy|strong|quiet|careful", "burrow", "roots",
        "walked|marched|shuffled", "dig long tunnels|sweep <S.his> burrow until it was clean|look at the stars from "
        "<S.his> front door"},
    {"mouse", "mice", IS_ANIMAL | IS_TINY, SMALL | AT_HOME, "tiny|small|gray|brave|quick|clever|shy|little",
        "mouse hole", "cheese", "ran|scurried|crept", "collect crumbs|hide in old shoes|squeeze through small holes|"
        "nibble on cheese|listen to stories through the wall"},
    {"owl", "owls", IS_ANIMAL | IS_FLYING, WOODS | AT_FARM, "wise|old|quiet|brown|young|sleepy", "hollow tree", "seeds",
        "flew|glided", "sit on a high branch at night|turn <S.his> head all the way round|count the stars|sleep all "
        "day long"},
    {"raccoon", "raccoons", IS_ANIMAL, WOODS | AT_TOWN, "funny|clever|curious|hungry|naughty", "hollow log", "corn",
        "ran|crept|tiptoed", "wash <S.his> food in the stream|look into every box|climb up tall fences|play at night"},
    {"beaver", "beavers", IS_ANIMAL, AT_RIVER | AT_FOREST, "busy|strong|careful|brown|friendly", "lodge", "bark",
        "swam|walked|hurried", "build dams with sticks|slap the water with <S.his> flat tail|chew on wood all day"},
    {"otter", "otters", IS_ANIMAL, AT_RIVER, "playful|happy|quick|brown|funny", "den by the water", "fish",
        "swam|slid|ran", "slide down muddy banks|float on <S.his> back|juggle smooth stones|dive for shells"},
    {"mole", "moles", IS_ANIMAL | IS_TINY, SMALL | AT_FARM, "small|shy|busy|soft|gentle", "tunnel", "roots",
        "crawled|hurried|dug <S.his> way", "dig long tunnels|push up little hills of earth|listen to the sounds under "
        "the ground"},
    {"bat", "bats", IS_ANIMAL | IS_FLYING | IS_TINY, AT_FOREST | AT_MOUNTAIN | AT_FARM, "small|shy|quick|black|young",
        "cave", "fruit", "flew|fluttered", "hang upside down|fly in the evening sky|listen to the echo of <S.his> own "
        "voice"},
    {"skunk", "skunks", IS_ANIMAL, WOODS, "shy|kind|lonely|black and white|polite", "burrow", "berries",
        "walked|tiptoed|trotted", "smell the wild flowers|walk with <S.his> tail up high|collect pretty leaves"},
    /* the pond and the small ones */
    {"frog", "frogs", IS_ANIMAL | IS_TINY, POND, "green|small|noisy|happy|funny|jumpy", "pond", "flies",
        "hopped|jumped|leaped", "jump from one lily pad to the next|sing in the evening|splash in the mud|sit in the "
        "rain"},
    {"toad", "toads", IS_ANIMAL | IS_TINY | IS_SLOW, POND, "old|brown|quiet|lumpy|kind", "hole under a stone", "flies",
        "hopped|walked", "sit under a cool stone|croak in the evening|think about things for a long time"},
    {"turtle", "turtles", IS_ANIMAL | IS_SLOW, POND | AT_BEACH, "slow|old|green|patient|little|careful|calm", "shell",
        "lettuce", "walked|crawled|went slowly", "lie in the warm sun|pull <S.his> head into <S.his> shell|take slow "
        "walks|watch the clouds"},
    {"duck", "ducks", IS_ANIMAL | IS_FLYING, AT_RIVER | AT_FARM | AT_PARK, "yellow|white|small|noisy|funny|happy",
        "nest in the reeds", "bread", "waddled|swam|paddled", "swim around the pond|dive with <S.his> tail in the air|"
        "splash in puddles|quack at the clouds"},
    {"swan", "swans", IS_ANIMAL | IS_FLYING, AT_RIVER | AT_PARK, "white|proud|graceful|young|quiet", "nest by the lake",
        "water plants", "swam|glided", "glide over the still water|look at <S.his> face in the lake|stretch <S.his> "
        "long neck"},
    {"goose", "geese", IS_ANIMAL | IS_FLYING, AT_FARM | AT_RIVER, "white|noisy|proud|silly|gray", "nest", "corn",
        "waddled|flew|marched", "honk at strangers|walk in a long line|fly high with the other geese"},
    {"snail", "snails", IS_ANIMAL | IS_TINY | IS_SLOW, SMALL, "slow|small|shy|patient|quiet", "shell", "lettuce",
        "crawled|slid|went slowly", "crawl over wet leaves|leave a shiny trail|sleep inside <S.his> shell|come out "
        "after the rain"},
    {"bee", "bees", IS_ANIMAL | IS_FLYING | IS_TINY, AT_GARDEN | AT_MEADOW | AT_PARK, "busy|small|yellow|cheerful|tiny",
        "hive", "nectar", "flew|buzzed", "buzz from flower to flower|make sweet honey|dance for the other bees"},
    {"butterfly", "butterflies", IS_ANIMAL | IS_FLYING | IS_TINY, AT_GARDEN | AT_MEADOW | AT_PARK,
        "pretty|blue|orange|small|gentle|bright", "leaf", "nectar", "flew|fluttered",
        "dance above the flowers|dry <S.his> wings in the sun|drink from the roses"},
    {"caterpillar", "caterpillars", IS_ANIMAL | IS_TINY | IS_SLOW, AT_GARDEN | AT_MEADOW,
        "green|hungry|small|fuzzy|slow", "leaf", "leaves", "crawled|crept",
        "munch on green leaves|count <S.his> many feet|dream about having wings"},
    {"ant", "ants", IS_ANIMAL | IS_TINY, SMALL, "tiny|busy|strong|black|hardworking", "anthill", "crumbs",
        "marched|ran|hurried", "carry crumbs home|march in a long line|build tunnels in the sand"},
    {"ladybug", "ladybugs", IS_ANIMAL | IS_FLYING | IS_TINY, AT_GARDEN | AT_MEADOW, "red|tiny|pretty|shy|cheerful",
        "leaf", "greenfly", "flew|crawled", "count <S.his> black spots|climb up blades of grass|sleep inside a flower"},
    {"spider", "spiders", IS_ANIMAL | IS_TINY, AT_GARDEN | AT_FOREST | AT_TOWN, "small|shy|black|clever|patient|lonely",
        "web", "flies", "crawled|climbed|ran", "spin silver webs|swing on a long thread|watch the dew shine in the "
        "morning"},
    {"cricket", "crickets", IS_ANIMAL | IS_TINY, SMALL, "small|cheerful|noisy|green", "hole in the ground", "grass",
        "hopped|jumped", "play music with <S.his> legs|sing on warm nights|hop over pebbles"},
    {"firefly", "fireflies", IS_ANIMAL | IS_FLYING | IS_TINY, SMALL, "tiny|bright|shy|young", "tall grass", "dew",
        "flew|danced", "glow in the dark|play with <S.his> own light|dance with the stars"},
    {"worm", "worms", IS_ANIMAL | IS_TINY | IS_SLOW, AT_GARDEN | AT_FARM, "small|pink|quiet|shy", "hole", "old leaves",
        "crawled|wiggled", "wiggle in the soft earth|come out when it rained|make little tunnels"},
    /* pets and the farm */
    {"dog", "dogs", IS_ANIMAL, PET, "big|brown|happy|friendly|playful|loyal|brave|fluffy|spotted", "doghouse", "bones",
        "ran|trotted|raced", "chase sticks|dig in the yard|wag <S.his> tail at everyone|bark at the mailman|sleep by "
        "the door"},
    {"puppy", "puppies", IS_ANIMAL, PET, "little|playful|brown|fluffy|naughty|happy|small", "basket", "bones",
        "ran|bounced|tumbled", "chew on old shoes|run after balls|lick everyone's face|chase <S.his> own tail"},
    {"cat", "cats", IS_ANIMAL, PET, "black|white|lazy|soft|curious|gray|clever|orange|proud", "basket", "milk",
        "walked|crept|tiptoed", "sleep in the sun|climb up the curtains|watch the birds from the window|purr by the "
        "fire|wash <S.his> paws"},
    {"kitten", "kittens", IS_ANIMAL, PET, "tiny|soft|playful|white|gray|curious|little", "basket", "milk",
        "ran|crept|tumbled", "play with balls of wool|jump at shadows|drink warm milk|hide in boxes"},
    {"hamster", "hamsters", IS_ANIMAL | IS_TINY, AT_TOWN, "small|round|golden|busy|fluffy", "cage", "seeds",
        "ran|scurried", "run in <S.his> wheel|fill <S.his> cheeks with seeds|sleep in a ball of cotton"},
    {"parrot", "parrots", IS_ANIMAL | IS_FLYING, AT_TOWN | AT_JUNGLE, "green|noisy|funny|bright|clever", "nest",
        "seeds", "flew|fluttered", "say new words|sing silly songs|copy every sound|crack nuts with <S.his> beak"},
    {"goldfish", "goldfish", IS_ANIMAL | IS_WATER | IS_TINY, AT_RIVER, "small|golden|shiny|curious", "pond", "crumbs",
        "swam|darted", "blow bubbles|swim in circles|hide behind the water plants"},
    {"horse", "horses", IS_ANIMAL, YARD, "brown|strong|fast|white|gentle|proud|young", "stable", "hay",
        "ran|galloped|trotted", "gallop over the fields|eat sweet apples|feel the wind in <S.his> mane|jump over the "
        "fence"},
    {"pony", "ponies", IS_ANIMAL, YARD, "small|brown|gentle|stubborn|friendly", "stable", "hay", "trotted|ran|galloped",
        "trot around the field|give rides to children|roll in the grass"},
    {"donkey", "donkeys", IS_ANIMAL, YARD | AT_TOWN, "gray|stubborn|old|patient|kind", "barn", "hay", "walked|trotted",
        "stand in the shade|eat thistles by the road|wave <S.his> long ears"},
    {"cow", "cows", IS_ANIMAL | IS_SLOW, YARD, "brown|calm|gentle|spotted|big", "barn", "grass", "walked|wandered",
        "chew grass all day|ring the bell on <S.his> neck|lie under the old oak tree"},
    {"pig", "pigs", IS_ANIMAL, YARD, "pink|round|muddy|happy|clever|little|hungry", "pigpen", "corn", "ran|trotted",
        "roll in the mud|sniff for something good to eat|take a nap in the straw"},
    {"sheep", "sheep", IS_ANIMAL, YARD | AT_MOUNTAIN, "white|woolly|soft|shy|black", "barn", "grass", "walked|trotted",
        "eat fresh grass|follow the other sheep|sleep close together when it was cold"},
    {"lamb", "lambs", IS_ANIMAL, YARD, "little|white|soft|playful|curious", "barn", "milk", "skipped|ran|jumped",
        "skip in the grass|run after butterflies|sleep next to <S.his> mother"},
    {"goat", "goats", IS_ANIMAL, YARD | AT_MOUNTAIN, "hungry|white|stubborn|bold|naughty", "shed", "leaves",
        "ran|jumped|climbed", "climb on high rocks|eat everything, even paper|jump over stones|stand on top of the "
        "hill"},
    {"hen", "hens", IS_ANIMAL, AT_FARM, "red|brown|busy|kind|plump", "henhouse", "corn", "walked|ran|hurried",
        "scratch in the dust|sit on <S.his> warm eggs|peck at yellow corn"},
    {"rooster", "roosters", IS_ANIMAL, AT_FARM, "proud|loud|colorful|vain", "henhouse", "corn",
        "walked|marched|strutted", "crow at sunrise|stand on the fence|show off <S.his> bright feathers"},
    {"chick", "chicks", IS_ANIMAL | IS_TINY, AT_FARM, "yellow|tiny|fluffy|noisy|little", "henhouse", "seeds",
        "ran|hopped|hurried", "run after <S.his> mother|peck at tiny seeds|hide under a warm wing"},
    {"turkey", "turkeys", IS_ANIMAL, AT_FARM, "big|silly|proud|noisy", "barn", "corn", "walked|ran|strutted",
        "say gobble, gobble, gobble|spread <S.his> tail|run around the yard"},
    /* birds */
    {"bird", "birds", IS_ANIMAL | IS_FLYING, SMALL | AT_TOWN | AT_RIVER, "little|blue|red|small|happy|yellow|young",
        "nest", "seeds", "flew|fluttered|hopped", "sing in the morning|fly over the roofs|build a nest of twigs|"
        "splash in puddles"},
    {"sparrow", "sparrows", IS_ANIMAL | IS_FLYING | IS_TINY, SMALL | AT_TOWN, "little|brown|cheeky|brave", "nest",
        "crumbs", "flew|hopped", "pick up crumbs|take a bath in the dust|chirp on the roof"},
    {"crow", "crows", IS_ANIMAL | IS_FLYING, AT_FOREST | AT_FARM | AT_TOWN, "black|clever|old|curious|noisy", "nest",
        "corn", "flew|hopped", "collect shiny things|solve hard puzzles|talk from the top of a tree"},
    {"robin", "robins", IS_ANIMAL | IS_FLYING | IS_TINY, AT_GARDEN | AT_FOREST | AT_PARK, "small|cheerful|red|friendly",
        "nest", "seeds", "flew|hopped", "sing on the fence|look for seeds in the snow|follow the gardener"},
    {"eagle", "eagles", IS_ANIMAL | IS_FLYING | IS_FIERCE, AT_MOUNTAIN, "proud|strong|great|young", "nest on the cliff",
        "fish", "flew|soared", "fly above the clouds|look down on the valley|ride on the wind"},
    {"peacock", "peacocks", IS_ANIMAL | IS_FLYING, AT_GARDEN | AT_PARK | AT_CASTLE, "proud|beautiful|vain|blue", "tree",
        "seeds", "walked|strutted", "spread <S.his> tail like a fan|look at <S.his> feathers in the pond|walk slowly "
        "so that all could see <S.him>"},
    /* far lands */
    {"lion", "lions", IS_ANIMAL | IS_FIERCE, WARM | AT_MEADOW, "big|proud|brave|strong|lazy|young|golden", "den",
        "meat", "walked|ran|padded", "roar in the morning|sleep under a shady tree|shake <S.his> golden mane|watch "
        "over the wide plain"},
    {"tiger", "tigers", IS_ANIMAL | IS_FIERCE, WARM, "striped|strong|quiet|young|big|proud", "den", "meat",
        "crept|ran|padded", "swim in the cool river|hide in the long grass|count <S.his> stripes"},
    {"elephant", "elephants", IS_ANIMAL, WARM, "big|gray|gentle|kind|young|clumsy|huge", "clearing", "leaves",
        "walked|marched|stomped", "spray water with <S.his> trunk|flap <S.his> big ears|take mud baths|pick fruit "
        "from high branches"},
    {"giraffe", "giraffes", IS_ANIMAL, WARM | AT_MEADOW, "tall|gentle|young|spotted|shy", "grove", "leaves",
        "walked|ran|strolled", "eat leaves from the tallest trees|look far over the land|stretch <S.his> long neck"},
    {"zebra", "zebras", IS_ANIMAL, WARM | AT_MEADOW, "striped|fast|young|shy", "field", "grass", "ran|galloped|trotted",
        "run with the other zebras|drink at the water hole|show off <S.his> stripes"},
    {"monkey", "monkeys", IS_ANIMAL, WARM, "funny|naughty|little|clever|quick|brown|silly", "treetop", "bananas",
        "swung|climbed|jumped", "swing from tree to tree|eat sweet bananas|make funny faces|play tricks on everyone|"
        "hang by <S.his> tail"},
    {"crocodile", "crocodiles", IS_ANIMAL | IS_FIERCE, WARM | AT_RIVER, "big|green|hungry|lazy|sleepy", "river bank",
        "fish", "swam|crawled", "lie in the warm mud|float like a log|show <S.his> white teeth"},
    {"hippo", "hippos", IS_ANIMAL | IS_SLOW, WARM | AT_RIVER, "big|round|gray|friendly|sleepy", "river", "grass",
        "walked|swam|stomped", "sit in the cool river all day|yawn with <S.his> huge mouth|blow bubbles in the water"},
    {"rhino", "rhinos", IS_ANIMAL, WARM | AT_MEADOW, "big|gray|grumpy|strong", "mud hole", "grass",
        "walked|ran|stomped", "roll in the mud|sharpen <S.his> horn on a tree|stamp <S.his> big feet"},
    {"snake", "snakes", IS_ANIMAL, WARM | AT_DESERT | AT_FOREST, "long|green|shy|quiet|lonely", "hole", "eggs",
        "slid|crawled", "lie on warm stones|hide in the leaves|hiss soft songs"},
    {"camel", "camels", IS_ANIMAL, AT_DESERT, "tall|patient|brown|proud|thirsty", "tent", "dry grass", "walked|marched",
        "walk over the hot sand|carry bags from town to town|drink for a very long time"},
    {"kangaroo", "kangaroos", IS_ANIMAL, AT_MEADOW | AT_DESERT, "young|jumpy|strong|brown", "field", "grass",
        "hopped|jumped|bounced", "jump over bushes|box with <S.his> friends|keep snacks in a pouch"},
    {"koala", "koalas", IS_ANIMAL | IS_SLOW, AT_FOREST, "sleepy|gray|soft|gentle", "tree", "leaves", "climbed|walked",
        "sleep in a tree all day|chew on leaves|hug <S.his> favorite branch"},
    {"panda", "pandas", IS_ANIMAL, AT_FOREST | AT_MOUNTAIN, "black and white|round|gentle|hungry|playful|clumsy",
        "bamboo grove", "bamboo", "walked|rolled|climbed", "munch on bamboo|roll down the hill|sit quietly in the "
        "green shade"},
    {"lizard", "lizards", IS_ANIMAL | IS_TINY, AT_DESERT | AT_GARDEN | AT_JUNGLE, "green|quick|small|shy",
        "crack in the wall", "flies", "ran|crawled|darted", "lie on a hot stone|change <S.his> color|catch flies with "
        "<S.his> tongue"},
    {"penguin", "penguins", IS_ANIMAL, AT_SNOW, "little|black and white|funny|young|brave|clumsy", "nest on the ice",
        "fish", "waddled|slid|walked", "slide on <S.his> belly|dive into the cold sea|stand close to the others to "
        "keep warm"},
    {"polar bear", "polar bears", IS_ANIMAL | IS_FIERCE, AT_SNOW, "white|big|young|strong|gentle", "snow cave", "fish",
        "walked|ran|padded", "roll in the snow|jump from one piece of ice to the next|catch fish in the cold water"},
    {"seal", "seals", IS_ANIMAL, AT_SNOW | AT_BEACH, "gray|playful|round|young|shiny", "rock", "fish", "swam|slid",
        "lie on the rocks|balance things on <S.his> nose|clap with <S.his> flippers"},
    {"reindeer", "reindeer", IS_ANIMAL, AT_SNOW | AT_FOREST, "brown|strong|young|shy", "stable", "moss",
        "ran|walked|trotted", "run over the snow|pull a sled|look for moss under the ice"},
    {"dinosaur", "dinosaurs", IS_ANIMAL, AT_JUNGLE | AT_MEADOW | AT_FOREST,
        "big|green|friendly|hungry|young|little|gentle", "cave", "leaves", "walked|stomped|ran",
        "stomp through the tall ferns|roar as loud as thunder|eat a whole tree for lunch|play in the hot mud"},
    /* the sea */
    {"fish", "fish", IS_ANIMAL | IS_WATER, AT_SEA, "small|blue|silver|curious|little|brave|orange", "cave in the coral",
        "seaweed", "swam|darted", "swim between the water plants|blow bubbles|play tag with the waves|hide in the "
        "coral"},
    {"whale", "whales", IS_ANIMAL | IS_WATER, AT_SEA, "big|blue|gentle|old|lonely|huge", "deep blue sea", "tiny shrimp",
        "swam|dived", "sing long songs|blow water high into the air|dive down deep"},
    {"dolphin", "dolphins", IS_ANIMAL | IS_WATER, AT_SEA, "gray|playful|clever|fast|happy", "bay", "fish",
        "swam|raced|jumped", "jump over the waves|race the ships|click and whistle|spin in the air"},
    {"octopus", "octopuses", IS_ANIMAL | IS_WATER, AT_SEA, "shy|purple|clever|red|funny", "cave", "crabs",
        "swam|crawled", "do eight things at once|change <S.his> color|hide in a pot|juggle shells"},
    {"crab", "crabs", IS_ANIMAL | IS_TINY, AT_BEACH, "red|small|grumpy|orange|quick", "hole in the sand", "seaweed",
        "walked sideways|ran|crawled", "walk sideways on the sand|click <S.his> claws|hide under wet stones"},
    {"shark", "sharks", IS_ANIMAL | IS_WATER | IS_FIERCE, AT_SEA, "big|gray|lonely|hungry|gentle", "cave", "fish",
        "swam|raced", "swim in wide circles|show <S.his> sharp teeth|explore old ships"},
    {"seahorse", "seahorses", IS_ANIMAL | IS_WATER | IS_TINY, AT_SEA, "tiny|yellow|shy|graceful", "seaweed",
        "tiny shrimp", "swam|drifted", "hold on to the seaweed|dance with the waves|hide among the coral"},
    {"mermaid", "mermaids", IS_MAGIC | IS_WATER, AT_SEA, "young|kind|curious|brave|lonely", "shell palace",
        "sea grapes", "swam|dived", "comb <S.his> long hair|sing to the fish|collect things from old ships|sit on a "
        "rock in the moonlight"},
    /* people */
    {"girl", "girls", IS_CHILD, AT_LAND | AT_CASTLE, "little|young|kind|brave|curious|clever|shy|happy|cheerful",
        "house", "bread and jam", "walked|ran|skipped|hurried", "draw pictures|climb trees|sing songs|read books|play "
        "hide and seek|dance in the rain|feed the ducks|ask questions|build things out of boxes"},
    {"boy", "boys", IS_CHILD, AT_LAND | AT_CASTLE, "little|young|kind|brave|curious|clever|shy|happy|cheerful", "house",
        "bread and jam", "walked|ran|hurried|raced", "play with cars|kick a ball|climb trees|look for bugs|read books|"
        "build towers|fly kites|ask questions|splash in puddles|draw dragons"},
    {"princess", "princesses", IS_CHILD, AT_CASTLE, "young|kind|brave|lonely|clever|gentle", "castle", "cake",
        "walked|ran|danced", "dance in the great hall|ride <S.his> pony|look out of the tower window|talk to the birds"
        },
    {"prince", "princes", IS_CHILD, AT_CASTLE, "young|brave|shy|proud|kind", "castle", "cake", "walked|ran|rode",
        "ride <S.his> horse|practice with a wooden sword|hide from <S.his> teachers|climb the castle walls"},
    {"king", "kings", IS_GROWN, AT_CASTLE, "old|kind|proud|rich|sad|wise", "castle", "roast chicken",
        "walked|marched|rode", "sit on <S.his> golden chair|count <S.his> coins|eat big dinners|wave to <S.his> people"
        },
    {"queen", "queens", IS_GROWN, AT_CASTLE, "kind|wise|proud|good|clever", "castle", "cake", "walked|rode|hurried",
        "walk in <S.his> rose garden|listen to <S.his> people|wear a silver crown"},
    {"knight", "knights", IS_GROWN, AT_CASTLE | AT_FOREST | AT_MOUNTAIN, "brave|young|clumsy|kind|strong", "castle",
        "bread and cheese", "rode|marched|walked", "polish <S.his> shiny armor|help people in trouble|ride through "
        "the hills"},
    {"farmer", "farmers", IS_GROWN, AT_FARM, "old|kind|busy|hardworking", "farmhouse", "bread and cheese",
        "walked|hurried", "feed <S.his> animals|work in the field|get up before the sun|drive <S.his> tractor"},
    {"baker", "bakers", IS_GROWN, AT_TOWN, "kind|round|busy|cheerful", "bakery", "warm bread", "walked|hurried",
        "bake fresh bread|make cakes with sugar on top|whistle in <S.his> kitchen"},
    {"fisherman", "fishermen", IS_GROWN, AT_BEACH, "old|poor|patient|kind", "hut", "fish soup", "walked|sailed|rowed",
        "sit in <S.his> boat|mend <S.his> nets|listen to the waves"},
    {"teacher", "teachers", IS_GROWN, AT_TOWN | AT_PARK, "kind|young|patient|cheerful", "house", "apples",
        "walked|hurried", "read stories to <S.his> class|write on the board|answer every question"},
    {"pirate", "pirates", IS_GROWN, AT_BEACH, "brave|funny|old|loud|clumsy", "ship", "biscuits",
        "sailed|marched|walked", "look for treasure|sing loud songs|look through <S.his> telescope"},
    {"astronaut", "astronauts", IS_GROWN, AT_SPACE, "brave|young|curious", "rocket", "space soup", "flew|floated",
        "float among the stars|look at the blue earth|push all the buttons"},
    {"doctor", "doctors", IS_GROWN, AT_TOWN, "kind|busy|gentle|clever", "house", "soup", "walked|hurried",
        "help sick people|listen to hearts|give stickers to brave children"},
    {"painter", "painters", IS_GROWN, AT_TOWN | AT_GARDEN, "poor|young|cheerful|quiet", "house", "soup",
        "walked|strolled", "paint the sunset|mix bright colors|draw everyone in the street"},
    {"clown", "clowns", IS_GROWN, AT_TOWN | AT_PARK, "funny|sad|clumsy|kind", "wagon", "popcorn",
        "walked|danced|tumbled", "make children laugh|juggle five balls|wear big red shoes"},
    /* beings of tales */
    {"dragon", "dragons", IS_MAGIC | IS_FLYING | IS_FIERCE, AT_MOUNTAIN | AT_CASTLE | AT_FOREST,
        "little|green|friendly|lonely|red|big|shy|young", "cave", "roasted nuts", "flew|walked|stomped",
        "blow smoke rings|fly over the clouds|guard shiny things|warm <S.his> feet with <S.his> own fire"},
    {"fairy", "fairies", IS_MAGIC | IS_FLYING | IS_TINY, AT_GARDEN | AT_FOREST | AT_MEADOW,
        "tiny|kind|young|clumsy|bright", "flower", "honey drops", "flew|fluttered",
        "paint the flowers|sleep in a rose|wave <S.his> little wand|ride on the backs of butterflies"},
    {"giant", "giants", IS_MAGIC | IS_FIERCE, AT_MOUNTAIN | AT_FOREST, "big|lonely|gentle|grumpy|kind", "huge house",
        "ten bowls of soup", "walked|stomped", "step over rivers|pick apples from the tops of the trees|touch the "
        "clouds"},
    {"wizard", "wizards", IS_MAGIC, AT_CASTLE | AT_FOREST | AT_MOUNTAIN, "old|wise|forgetful|funny|kind", "tower",
        "pumpkin soup", "walked|hurried", "mix magic drinks|read old books|turn stones into frogs"},
    {"witch", "witches", IS_MAGIC | IS_FLYING, AT_FOREST | AT_TOWN, "kind|old|clumsy|lonely|funny", "crooked house",
        "pumpkin soup", "flew|walked", "stir <S.his> big pot|fly on <S.his> broom|talk to <S.his> black cat"},
    {"elf", "elves", IS_MAGIC | IS_TINY, AT_FOREST | AT_SNOW | AT_GARDEN, "little|busy|cheerful|clever|shy",
        "hollow tree", "mushrooms", "ran|skipped|tiptoed", "make tiny shoes|ride on rabbits|play the flute"},
    {"unicorn", "unicorns", IS_MAGIC, AT_FOREST | AT_MEADOW, "white|shy|gentle|beautiful|young", "glade", "clover",
        "galloped|trotted|ran", "run under the rainbow|drink from the silver spring|shake <S.his> shining mane"},
    {"monster", "monsters", IS_MAGIC | IS_FIERCE, AT_FOREST | AT_TOWN | AT_MOUNTAIN,
        "little|furry|lonely|shy|blue|friendly|hungry", "cave", "cookies", "walked|tiptoed|stomped",
        "hide under beds|make funny noises|collect lost socks"},
    {"ghost", "ghosts", IS_MAGIC | IS_FLYING, AT_CASTLE | AT_TOWN, "little|shy|lonely|friendly|pale", "old attic",
        "moonlight", "floated|flew|drifted", "float through walls|whisper in the hall|play with the curtains"},
    {"robot", "robots", IS_MAGIC, AT_TOWN | AT_PARK | AT_SPACE, "little|shiny|friendly|clumsy|silver|curious|old",
        "workshop", "drops of oil", "rolled|walked|marched", "count everything|clean the floor|blink <S.his> blue "
        "lights|ask how things work"},
    {"alien", "aliens", IS_MAGIC, AT_SPACE | AT_PARK, "little|green|friendly|curious|lost", "spaceship", "star cookies",
        "floated|flew|walked", "fly from star to star|learn new words|wave <S.his> three arms"},
    /* things that tales bring to life */
    {"train", "trains", IS_THING, AT_TOWN | AT_MOUNTAIN, "little|blue|red|old|slow", "station", "coal", "rolled|puffed",
        "puff up the hills|blow <S.his> whistle|carry people to the sea"},
    {"car", "cars", IS_THING, AT_TOWN, "little|red|fast|old|yellow", "garage", "fuel", "drove|rolled",
        "honk at friends|drive through puddles|shine <S.his> lights"},
    {"truck", "trucks", IS_THING, AT_TOWN | AT_FARM, "big|red|strong|old", "garage", "fuel", "drove|rolled",
        "carry heavy loads|help others on the road|rumble over bridges"},
    {"boat", "boats", IS_THING, AT_RIVER | AT_BEACH, "little|white|old|brave|blue", "harbor", "wind", "sailed|floated",
        "rock on the waves|race the seagulls|visit small islands"},
    {"snowman", "snowmen", IS_THING, AT_SNOW, "round|cheerful|tall|white", "snowy yard", "snowflakes", "walked|slid",
        "watch the snow fall|wear <S.his> warm scarf|talk to the birds"},
    {"star", "stars", IS_THING | IS_FLYING, AT_SPACE, "little|bright|shy|lonely|tiny", "corner of the sky", "moonlight",
        "floated|flew", "twinkle at the children below|play with the moon|sing very softly"},
    {"cloud", "clouds", IS_THING | IS_FLYING, AT_SPACE, "little|white|gray|soft|lonely", "corner of the sky", "mist",
        "floated|drifted", "change <S.his> shape|float over the mountains|give rain to the flowers"},
    {"teddy bear", "teddy bears", IS_THING, AT_TOWN, "old|brown|soft|little", "shelf", "crumbs", "walked|tiptoed",
        "sit on the bed|listen to secrets|have tea with the other toys"},
    {"doll", "dolls", IS_THING, AT_TOWN, "little|pretty|old|wooden", "toy box", "crumbs", "walked|tiptoed|danced",
        "dance at night|wear a new dress|have tea with the other toys"},
    {"airplane", "airplanes", IS_THING | IS_FLYING, AT_SPACE | AT_TOWN, "little|silver|red|old", "hangar", "fuel",
        "flew|rolled", "fly above the clouds|wave <S.his> wings|draw white lines in the sky"},
    {"balloon", "balloons", IS_THING | IS_FLYING, AT_PARK | AT_TOWN, "red|yellow|round|little", "string", "air",
        "floated|drifted|flew", "dance in the wind|look down at the roofs|bob up and down"},
};
const size_t story_n_kinds = ARRAY_LEN(story_kinds);
