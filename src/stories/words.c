/* Where stories happen, what is in them, and how everybody is called. */
#include "stories/words.h"
#include "base/checked.h"

const struct place story_places[] = {
    {"forest", "in the forest", "into the forest", "tall trees|soft green moss|a winding path|red mushrooms|singing "
        "birds|old oak trees|a small stream", "under a pile of leaves|behind an old log|at the foot of an oak tree|in "
        "a bush", AT_FOREST},
    {"woods", "in the woods", "into the woods", "tall pine trees|ferns|a narrow path|shy deer|yellow leaves",
        "under a fern|behind a pine tree|in a pile of leaves", AT_FOREST},
    {"big old tree", "in a big old tree", "down to the foot of the tree",
        "many green leaves|busy ants|the whole forest far below", "between the roots|under a leaf", AT_FOREST},
    {"meadow", "in a green meadow", "across the meadow", "wild flowers|buzzing bees|tall grass|blue butterflies|soft "
        "grass", "in the tall grass|under a daisy|behind a stone", AT_MEADOW},
    {"field", "near a wide field", "across the field", "yellow wheat|red poppies|butterflies|a scarecrow",
        "in the wheat|behind the fence|in the tall grass", AT_MEADOW | AT_FARM},
    {"hill", "on a sunny hill", "up the hill", "the whole valley below|soft grass|grazing sheep|little white houses "
        "far away", "behind a rock|in the grass", AT_MEADOW | AT_MOUNTAIN},
    {"farm", "on a farm", "across the farm", "a red barn|fat pigs|golden corn|clucking hens|an old tractor",
        "in the hay|behind the barn|under the old tractor|next to the well", AT_FARM},
    {"little farm", "on a little farm", "over to the barn", "brown cows|an apple tree|a wooden fence|a muddy yard",
        "under the straw|behind the apple tree", AT_FARM},
    {"town", "in a small town", "into the town", "colorful houses|busy shops|a tall clock|people with baskets",
        "under a bench|behind the shop|next to the fountain", AT_TOWN},
    {"village", "in a quiet village", "through the village", "little houses|a stone well|friendly people|a bakery",
        "behind the well|under a cart|next to the gate", AT_TOWN},
    {"house", "in a little house at the edge of town", "around the house",
        "old pictures|a warm fire|big windows|a soft rug", "under the bed|behind the sofa|under the rug|in the "
        "cupboard", AT_TOWN},
    {"street", "in a house on a quiet street", "down the street", "green gates|small gardens|neighbors with dogs",
        "under a car|behind a hedge|next to the mailbox", AT_TOWN},
    {"beach", "by the sea", "along the beach", "white sand|shells|blue waves|seagulls|little boats",
        "in the sand|under a shell|between two rocks|behind a sand castle", AT_BEACH},
    {"island", "on a small island", "around the island", "palm trees|white sand|blue water all around|coconuts",
        "under a palm tree|in the sand|behind a rock", AT_BEACH},
    {"river", "by a river", "along the river", "clear water|smooth stones|tall reeds|dragonflies|silver fish",
        "between two stones|in the reeds|under the bridge", AT_RIVER},
    {"pond", "near a quiet pond", "around the pond", "lily pads|tall reeds|dragonflies|tiny fish",
        "under a lily pad|in the reeds|in the mud", AT_RIVER | AT_GARDEN | AT_PARK},
    {"lake", "by a blue lake", "around the lake", "still water|reeds|white swans|a wooden boat",
        "in the reeds|under the old boat|behind a stone", AT_RIVER},
    {"garden", "in a garden full of flowers", "through the garden", "red roses|bean plants|juicy tomatoes|a stone "
        "path|sunflowers", "under a cabbage|behind a flower pot|in the rose bush|under the watering can", AT_GARDEN},
    {"old garden", "in an old garden", "through the garden", "apple trees|a mossy wall|wild roses|a wooden bench",
        "under the bench|behind the wall|under an apple tree", AT_GARDEN},
    {"park", "near a big park", "through the park", "green benches|a pond|tall trees|children with kites|squirrels",
        "under a bench|behind a tree|next to the slide|in the sandbox", AT_PARK},
    {"mountain", "high on a mountain", "up the mountain", "gray rocks|white snow|tiny houses far below|eagles|small "
        "blue flowers", "behind a rock|in a crack|under some snow", AT_MOUNTAIN},
    {"valley", "in a deep green valley", "through the valley", "steep hills|a fast stream|sheep|yellow flowers",
        "behind a rock|under a bush", AT_MOUNTAIN | AT_MEADOW},
    {"jungle", "in the jungle", "through the jungle", "giant leaves|long vines|bright birds|sweet fruit|a wide brown "
        "river", "under a giant leaf|behind a vine|between the roots", AT_JUNGLE},
    {"grassland", "on a wide, sunny plain", "across the plain", "golden grass|a water hole|round hills|one big tree",
        "in the tall grass|behind a rock|next to the water hole", AT_JUNGLE | AT_MEADOW},
    {"desert", "in the desert", "across the desert", "yellow sand|tall cactus plants|hot stones|a bright blue sky",
        "in the sand|behind a cactus|under a hot stone", AT_DESERT},
    {"land of snow", "in the land of ice and snow", "over the snow", "blue ice|deep snow|cold waves|dancing lights in "
        "the sky", "in the snow|behind a block of ice|in a hole in the ice", AT_SNOW},
    {"snowy hill", "on a snowy hill", "through the snow", "white trees|icicles|footprints|children with sleds",
        "in the snow|behind a snowy bush|under a white tree", AT_SNOW},
    {"sea", "deep in the sea", "through the water", "pink coral|waving seaweed|silver fish|an old sunken ship|pearly "
        "shells", "under a shell|in the seaweed|behind a rock|inside an old ship", AT_SEA},
    {"bay", "in a warm blue bay", "across the bay", "colorful coral|clear water|yellow sand|jumping fish",
        "in the sand|under a stone|in the coral", AT_SEA},
    {"castle", "in a big stone castle", "through the castle", "tall towers|long halls|a garden with roses|shiny armor|"
        "a golden gate", "behind a curtain|under the table|in the tower|behind the throne", AT_CASTLE},
    {"kingdom", "in a kingdom far away", "across the kingdom", "a white castle|green hills|happy people|a deep forest",
        "under a bridge|behind a hedge|in a rose bush", AT_CASTLE},
    {"sky", "high up in the sky", "across the sky", "the round moon|bright stars|the blue earth far below|soft clouds",
        "behind a cloud|next to the moon", AT_SPACE},
};
const size_t story_n_places = ARRAY_LEN(story_places);

#define TINT "red|blue|green|yellow|purple|orange|white|pink"
const struct object story_objects[] = {
    {"ball", OBJ_TOY, TINT "|bouncy|big|new|old", 0}, {"kite", OBJ_TOY, TINT "|big|new", 0},
    {"doll", OBJ_TOY, "little|old|pretty|soft", 0}, {"teddy bear", OBJ_TOY, "brown|soft|old|little", 0},
    {"toy car", OBJ_TOY, TINT "|fast|shiny", 0}, {"toy boat", OBJ_TOY, TINT "|wooden|little", 0},
    {"toy train", OBJ_TOY, TINT "|wooden|little", 0}, {"toy", OBJ_TOY, "new|old|little|wooden", 0},
    {"drum", OBJ_TOY, TINT "|loud|little", 0}, {"flute", OBJ_TOY, "wooden|silver|little", 0},
    {"puzzle", OBJ_TOY, "new|hard|big", 0}, {"balloon", OBJ_TOY, TINT "|big|round", 0},
    {"book", OBJ_TOY | OBJ_THING, "big|old|new|thick|picture", 0}, {"bike", OBJ_TOY, TINT "|new|shiny|fast", 0},
    {"sled", OBJ_TOY, TINT "|fast|wooden", 0}, {"swing", OBJ_TOY, "wooden|new|old", 0}, {"whistle", OBJ_TOY | OBJ_THING,
        "silver|loud|little", 0},
    {"bell", OBJ_THING | OBJ_JEWEL, "little|golden|silver|shiny", 0}, {"top", OBJ_TOY, TINT "|wooden|spinning", 0},
    {"wagon", OBJ_TOY, TINT "|little|wooden", 0}, {"guitar", OBJ_TOY, "old|wooden|little", 0},
    {"lantern", OBJ_THING, "little|bright|old|red", 0}, {"lamp", OBJ_THING, "little|old|golden|bright", 0},
    {"basket", OBJ_THING, "little|big|brown|old", 0}, {"rope", OBJ_THING, "long|strong|old", 0},
    {"blanket", OBJ_THING, "soft|warm|" TINT, 0}, {"pillow", OBJ_THING, "soft|big|fluffy", 0}, {"umbrella", OBJ_THING,
        TINT "|big|old", 0},
    {"bag", OBJ_THING, TINT "|little|heavy|old", 0}, {"box", OBJ_THING, "little|big|strange|old|wooden", 0},
    {"key", OBJ_THING | OBJ_JEWEL, "little|golden|old|silver|rusty", 0}, {"map", OBJ_THING, "old|torn|secret", 0},
    {"spoon", OBJ_THING, "wooden|silver|big|little", 0}, {"cup", OBJ_THING, TINT "|little|old|pretty", 0},
    {"pot", OBJ_THING, "big|old|heavy", 0}, {"bucket", OBJ_THING, TINT "|old|little", 0}, {"broom", OBJ_THING,
        "old|long|new", 0},
    {"brush", OBJ_THING, "soft|little|new", 0}, {"pencil", OBJ_THING, TINT "|short|new", 0}, {"crayon", OBJ_THING, TINT,
        0},
    {"letter", OBJ_THING, "long|secret|kind|strange", 0}, {"picture", OBJ_THING, "pretty|little|old|colorful", 0},
    {"clock", OBJ_THING, "old|little|loud|golden", 0}, {"mirror", OBJ_THING, "little|silver|old|round", 0},
    {"candle", OBJ_THING, "little|white|red|tall", 0}, {"chair", OBJ_THING, "little|old|wooden|red", 0}, {"ladder",
        OBJ_THING, "long|old|wooden", 0},
    {"phone", OBJ_THING, "new|old|little", 0}, {"computer", OBJ_THING, "new|old|little", 0}, {"camera", OBJ_THING,
        "new|old|little", 0},
    {"hat", OBJ_WEAR, TINT "|tall|funny|warm|old", 0}, {"cap", OBJ_WEAR, TINT "|little", 0}, {"scarf", OBJ_WEAR, TINT
        "|long|warm|soft", 0},
    {"coat", OBJ_WEAR, TINT "|warm|thick|new", 0}, {"dress", OBJ_WEAR, TINT "|pretty|new", 0}, {"sock", OBJ_WEAR, TINT
        "|warm|striped", 0},
    {"shoe", OBJ_WEAR, TINT "|new|shiny|old", 0}, {"mitten", OBJ_WEAR, TINT "|warm|soft", 0}, {"sweater", OBJ_WEAR, TINT
        "|warm|soft", 0},
    {"ribbon", OBJ_WEAR, TINT "|silky|long", 0}, {"cape", OBJ_WEAR, TINT "|long|magic", 0}, {"backpack",
        OBJ_WEAR | OBJ_THING, TINT "|heavy|new", 0},
    {"ring", OBJ_JEWEL, "golden|silver|shiny|magic", 0}, {"necklace", OBJ_JEWEL, "pretty|silver|golden|shiny", 0},
    {"crown", OBJ_JEWEL, "golden|shiny|little|old", 0}, {"coin", OBJ_JEWEL, "golden|silver|shiny|old", 0},
    {"pearl", OBJ_JEWEL, "white|round|shiny", 0}, {"crystal", OBJ_JEWEL, "blue|clear|shiny|purple", 0}, {"gem",
        OBJ_JEWEL, "red|green|shiny|blue", 0},
    {"treasure", OBJ_JEWEL, "secret|great|golden", 0}, {"wand", OBJ_JEWEL | OBJ_THING, "magic|little|silver", 0},
    {"watch", OBJ_JEWEL | OBJ_THING, "golden|silver|little", 0}, {"egg", OBJ_JEWEL | OBJ_NATURE,
        "white|strange|blue|golden|big", 0},
    {"shell", OBJ_NATURE | OBJ_JEWEL, "pink|white|shiny|pretty", 0}, {"stone", OBJ_NATURE,
        "smooth|round|shiny|white|gray", 0},
    {"feather", OBJ_NATURE, "blue|white|long|soft|red", 0}, {"flower", OBJ_NATURE, "red|yellow|white|pretty|blue|pink",
        0},
    {"leaf", OBJ_NATURE, "red|golden|big|green", 0}, {"stick", OBJ_NATURE, "long|strong|straight", 0}, {"acorn",
        OBJ_NATURE | OBJ_FOOD, "little|brown|round|big", 0},
    {"rose", OBJ_NATURE, "red|white|pink|yellow", 0}, {"seed", OBJ_NATURE, "tiny|brown|strange|little", 0}, {"pumpkin",
        OBJ_FOOD, "big|round|orange|huge", 0},
    {"pine cone", OBJ_NATURE, "brown|big|pretty", 0}, {"mushroom", OBJ_FOOD, "brown|big|round", 0}, {"apple", OBJ_FOOD,
        "red|green|shiny|sweet|big|juicy", 0},
    {"pear", OBJ_FOOD, "green|sweet|yellow|juicy", 0}, {"banana", OBJ_FOOD, "yellow|sweet|ripe", 0}, {"orange",
        OBJ_FOOD, "sweet|juicy|round|big", 0},
    {"peach", OBJ_FOOD, "soft|sweet|juicy", 0}, {"melon", OBJ_FOOD, "big|sweet|green|round", 0}, {"strawberry",
        OBJ_FOOD, "red|sweet|big|juicy", 0},
    {"cherry", OBJ_FOOD, "red|sweet|little", 0}, {"plum", OBJ_FOOD, "purple|sweet|ripe", 0}, {"lemon", OBJ_FOOD,
        "yellow|sour", 0},
    {"carrot", OBJ_FOOD, "orange|long|crunchy|big", 0}, {"potato", OBJ_FOOD, "big|hot|brown", 0}, {"nut", OBJ_FOOD,
        "big|brown|crunchy", 0},
    {"cake", OBJ_FOOD, "big|sweet|chocolate|little|round|warm", 0}, {"pie", OBJ_FOOD, "apple|warm|cherry|big|sweet", 0},
    {"cookie", OBJ_FOOD, "big|sweet|chocolate|round|warm", 0}, {"muffin", OBJ_FOOD, "warm|sweet|little|blueberry", 0}, {
        "pancake", OBJ_FOOD, "warm|big|golden|sweet", 0},
    {"sandwich", OBJ_FOOD, "big|cheese|tasty", 0}, {"pizza", OBJ_FOOD, "big|hot|tasty", 0}, {"candy", OBJ_FOOD,
        "sweet|red|sticky", 0}, {"lollipop", OBJ_FOOD, "red|sweet|big|sticky", 0},
    {"honey", OBJ_FOOD, "sweet|golden|sticky", "some"}, {"cheese", OBJ_FOOD, "yellow|soft|tasty", "some"}, {"bread",
        OBJ_FOOD, "warm|fresh|soft|brown", "some"},
    {"soup", OBJ_FOOD, "hot|tasty|warm|thick", "some"}, {"milk", OBJ_FOOD, "warm|cold|fresh", "some"}, {"ice cream",
        OBJ_FOOD, "cold|sweet|chocolate|vanilla", "some"},
    {"jam", OBJ_FOOD, "sweet|red|strawberry", "some"}, {"chocolate", OBJ_FOOD, "sweet|dark|tasty", "some"}, {"corn",
        OBJ_FOOD, "sweet|yellow|golden", "some"},
    {"popcorn", OBJ_FOOD, "warm|salty|sweet", "some"}, {"tea", OBJ_FOOD, "hot|sweet", "some"}, {"juice", OBJ_FOOD,
        "sweet|cold|orange|apple", "some"},
    {"rice", OBJ_FOOD, "warm|white", "some"}, {"grass", OBJ_FOOD, "fresh|sweet|green", "some"}, {"paint", OBJ_THING,
        TINT, "some"},
    {"string", OBJ_THING, "long|red|strong", "some"}, {"gold", OBJ_JEWEL, "shiny|bright", "some"}, {"sand", OBJ_NATURE,
        "white|warm", "some"},
};
const size_t story_n_objects = ARRAY_LEN(story_objects);

const struct scenery story_scenery[] = {
    {"the moon", "<^H> {liked to look at the moon|thought that the moon was the most beautiful thing in the world|"
        "always said good night to the moon}.", "That night, the moon was {big and round|bright and full|like a "
        "silver coin in the sky}{, and <H> smiled at it|, and it seemed to smile}."},
    {"the stars", "At night, <H> liked to {count|watch} the stars.", "That night, the stars {twinkled above|shone "
        "more brightly than ever|filled the whole sky}."},
    {"a star", "There was one star in the sky that <H> liked best.", "That night, a {bright|little} star {twinkled "
        "above|looked down on them|shone over the roofs}."},
    {"the sun", "{Every morning, the sun woke <H> up|The sun was warm and bright that day}.",
        "The sun {went down, all red and gold|smiled down on them|shone on them, warm and bright}."},
    {"the rain", "{It was the season of rain|It had rained all night|The rain was falling softly that day}.",
        "Then the rain {began to fall, and everything smelled fresh|stopped, and the air was clean}."},
    {"the snow", "{It was winter, and the snow was deep|Soft white snow lay everywhere}.",
        "{Outside, the snow was falling softly|The snow sparkled in the light}."},
    {"the wind", "{The wind was strong that day|The wind whispered in the leaves|A cool wind was blowing}.",
        "The wind {sang a soft song|grew quiet}{ that evening|}."},
    {"a storm", "{Dark clouds were in the sky, and everybody said that a storm was near|There had been a big storm in "
        "the night}.", "{The storm was far away now|No storm could trouble them now}."},
    {"a rainbow", "<^H> had always wanted to see a rainbow.", "Then {a beautiful rainbow appeared in the sky|they saw "
        "a rainbow, with all its colors}{. <^H> had never seen anything so pretty|}."},
    {"the sky", "The sky was {blue and clear|as blue as the sea} that day.",
        "{They lay in the grass and looked up at the sky|The sky turned pink and gold}."},
    {"a cloud", "A {little white|big gray|funny} cloud {was floating over the hills|looked like a sheep}.",
        "A little {white |pink |}cloud {floated by|seemed to wave at them}."},
    {"a tree", "Near <H.his> home there was {a tall|an old|a big} tree{ that gave cool shade|, and <H> loved it}.",
        "In the evening, they {sat under the big tree|rested in the shade of the old tree}."},
    {"a river", "A {wide|clear|cool} river {ran past <H.his> home|was not far away}.",
        "The river {sparkled in the evening light|sang its quiet song}."},
    {"the sea", "From far away, <H> could {hear|smell|see} the sea.", "Far away, the sea {was calm and blue|whispered "
        "softly}."},
    {"a mountain", "{A tall mountain stood far away|Behind <H.his> home, there was a high mountain}.",
        "The sun went down behind the mountain."},
    {"a forest", "Not far away, there was a {dark|deep|green|big} forest.",
        "{The forest was quiet and full of stars|The forest was quiet now}."},
    {"a garden", "There was a {little|pretty|small} garden{ with flowers|}, and <H> {liked to sit there|took good "
        "care of it}.", "{They sat in the garden until it was dark|The garden smelled of flowers}."},
    {"a house", "There was a {little|red|white} house{ with a blue door|} {nearby|on the hill}.",
        "{In the house, a warm light was burning|Soon they were back in the warm house}."},
    {"a castle", "Far away on a hill, there was {a big|an old|a white} castle.",
        "{The old castle shone in the evening sun|Far away, the bells of the castle were ringing}."},
    {"a bridge", "There was a {small|wooden|stone} bridge {over the stream|nearby}.",
        "{They crossed the bridge and went home|They sat on the bridge for a while}."},
    {"a school", "<^H> {liked to go to school|had a school not far from home}.",
        "{The next day, <H> told everyone at school about it|Everyone at school heard about it}."},
    {"music", "<^H> loved music{ very much|}.", "{That evening, there was music and dancing|They made music until it "
        "was late}."},
    {"a dream", "One night, <H> had a {strange|wonderful|funny} dream{, and <H.he> thought about it all morning|}.",
        "That night, <H> had a {happy|sweet|wonderful} dream."},
    {"magic", "<^H> believed in magic.", "{It felt like magic|\"It was like magic,\" said <H>}."},
    {"winter", "It was winter, and {the days were cold|the days were short}.",
        "{Winter did not feel so cold now|Even in winter, <H> was warm and happy}."},
    {"summer", "It was summer, and {the days were long and warm|the sun shone every day}.",
        "{It was the best summer of all|<^H> never forgot that summer}."},
    {"spring", "It was spring, and {the flowers were opening|the birds were building nests}.",
        "{The spring air smelled of flowers|It was the best spring of all}."},
    {"autumn", "It was autumn, and {the leaves were red and gold|the apples were ripe}.",
        "{Golden leaves danced in the autumn wind|It was the best autumn of all}."},
    {"night", "<^H> {liked the quiet of the night|was a little afraid of the night}.",
        "{The night was quiet and full of stars|That night was warm and quiet}."},
    {"a door", "There was a {little|secret|blue} door {at the end of the path|in the old wall}, and <H> {often "
        "wondered what was behind it|liked to look at it}.", "{Then the door closed softly|They left the door open "
        "for the next guest}."},
    {"a song", "<^H> knew a {little|funny|pretty} song{ by heart|}, and <H.he> sang it every day.",
        "{They sang a happy song together|On the way home, <H> sang <H.his> song}."},
    {"a party", "{Everyone was talking about a party|<^H> wanted to have a party}.",
        "{In the evening, there was a big party|They had a party with games and cake}."},
    {"a tower", "There was {a tall|an old} tower {on the hill|nearby}.",
        "{The tower stood tall in the evening light|From the tower, they watched the sun go down}."},
    {"a hole", "There was a {deep|dark|small} hole {near the path|in the ground}, and <H> was careful not to fall in.",
        "{They put stones around the hole, so that nobody would fall in|And nobody fell into the hole}."},
};
const size_t story_n_scenery = ARRAY_LEN(story_scenery);

const struct action story_actions[] = {
    {"jump", "<^H> could jump {very high|higher than anyone}."}, {"run",
        "<^H> liked to run{ very fast| as fast as the wind|}."},
    {"sing", "<^H> liked to sing {all day long|every morning|happy songs}."}, {"dance",
        "<^H> liked to dance {when nobody was looking|in the sun|every day}."},
    {"climb", "<^H> wanted to climb {to the very top|up high}, but <H.he> was still small."}, {"hide",
        "<^H> knew the best places to hide."},
    {"laugh", "<^H> made everyone laugh."}, {"sleep", "<^H> liked to sleep {late|in the afternoon}."}, {"play",
        "<^H> wanted to play {all day|every day}."},
    {"help", "<^H> was always ready to help."}, {"share", "<^H> liked to share {everything|<H.his> things}."}, {"smile",
        "<^H> could make anybody smile."},
    {"cook", "<^H> liked to cook{ for friends|}."}, {"paint", "<^H> liked to paint {pictures|everything blue}."}, {
        "read", "<^H> was learning to read."},
    {"fly", "{<^H> often wondered how it was to fly high above the clouds|In <H.his> dreams, <H> could fly over the "
        "whole world}."},
    {"swim", "<^H> {could swim very well|liked to swim on hot days}."}, {"dig",
        "<^H> liked to dig {deep holes|in the sand}."},
    {"whisper", "<^H> liked to whisper secrets."}, {"explore", "<^H> wanted to explore {every corner|the whole world}."
        }, {"wait", "<^H> did not like to wait."},
    {"wish", "Every night, <H> made a wish."}, {"listen", "<^H> knew how to listen."}, {"build",
        "<^H> liked to build {little houses|towers} out of stones and sticks."},
};
const size_t story_n_actions = ARRAY_LEN(story_actions);

const char *const story_girls[] = {"Lily", "Mia", "Emma", "Anna", "Sara", "Lucy", "Zoe", "Ella", "Rosa", "Nina", "Amy",
    "Mary", "Sofia", "Maya", "Lena", "Clara", "Julia", "Eva", "Ruby", "Molly", "Sue", "Jane", "Kate", "Nora", "Ava",
    "Leila", "Amina", "Mei", "Priya", "Fatima", "Hana", "Ines", "Olga", "Tara", "Bella", "Alice", "Daisy", "Grace",
    "Ivy", "Lola"};
const size_t story_n_girls = ARRAY_LEN(story_girls);
const char *const story_boys[] = {"Tom", "Ben", "Max", "Tim", "Sam", "Leo", "Jack", "Peter", "Paul", "Noah", "Adam",
    "Omar", "Ali", "David", "Daniel", "Hugo", "Oscar", "Felix", "Kofi", "Ravi", "Chen", "Luca", "Emil", "Anton", "Jim",
    "Billy", "Fred", "Bob", "John", "Mark", "Finn", "Theo", "Eric", "Henry", "Arthur", "Jamal", "Kenji", "Pablo",
    "Simon", "Victor"};
const size_t story_n_boys = ARRAY_LEN(story_boys);
const char *const story_pets_f[] = {"Rosie", "Daisy", "Molly", "Luna", "Bella", "Poppy", "Ruby", "Hazel", "Willow",
    "Nelly", "Tilly", "Dora", "Flora", "Greta", "Pearl", "Olive", "Penny", "Fifi", "Lulu", "Mimi", "Honey", "Ginger",
    "Stella", "Wanda", "Kiki", "Betty", "Zara", "Coco"};
const size_t story_n_pets_f = ARRAY_LEN(story_pets_f);
const char *const story_pets_m[] = {"Rusty", "Max", "Finn", "Toby", "Bruno", "Otto", "Charlie", "Oliver", "Milo",
    "Teddy", "Benny", "Freddy", "Monty", "Rocky", "Sammy", "Barney", "Jasper", "Hugo", "Ollie", "Duke", "Pip", "Felix",
    "Gus", "Bobo", "Rex", "Timmy", "Walter", "Zippy"};
const size_t story_n_pets_m = ARRAY_LEN(story_pets_m);
const char *const story_pets_n[] = {"Beep", "Dot", "Chip", "Bip", "Sparky", "Tiny", "Button", "Patch", "Toot", "Bubble",
    "Twinkle", "Puff", "Bolt", "Zip"};
const size_t story_n_pets_n = ARRAY_LEN(story_pets_n);
